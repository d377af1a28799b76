package main

import (
	"io"
	"strconv"
	"strings"
)

// replyWriter collects replies in RESP 2 and sends them when asked to, or when there are many. After an error it
// drops what it is given: the client is gone.
type replyWriter struct {
	sink io.Writer
	buf  []byte
	err  error
}

// replyBufferBytes is how much a client may be owed before it is sent.
const replyBufferBytes = 64 << 10

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// status writes a short text such as OK.
func (w *replyWriter) status(text string) { w.line('+', text) }

// failure writes an error. Its first word, in capitals, is the kind that clients look at.
func (w *replyWriter) failure(text string) { w.line('-', lineBreaks.Replace(text)) }

func (w *replyWriter) integer(n int64) {
	w.buf = append(w.buf, ':')
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.endLine()
}

func (w *replyWriter) bulk(text string) {
	w.buf = append(w.buf, '$')
	w.buf = strconv.AppendInt(w.buf, int64(len(text)), 10)
	w.buf = append(w.buf, "\r\n"...)
	w.buf = append(w.buf, text...)
	w.endLine()
}

func (w *replyWriter) null() { w.line('$', "-1") }

// array opens an array; its elements are the replies that follow.
func (w *replyWriter) array(elements int) {
	w.buf = append(w.buf, '*')
	w.buf = strconv.AppendInt(w.buf, int64(elements), 10)
	w.endLine()
}

func (w *replyWriter) value(v Value) {
	if !v.Present {
		w.null()
		return
	}
	w.bulk(v.Text)
}

func (w *replyWriter) line(kind byte, text string) {
	w.buf = append(w.buf, kind)
	w.buf = append(w.buf, text...)
	w.endLine()
}

func (w *replyWriter) endLine() {
	w.buf = append(w.buf, "\r\n"...)
	if len(w.buf) >= replyBufferBytes {
		_ = w.flush() // remembered in err
	}
}

// flush sends what is owed.
func (w *replyWriter) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.sink.Write(w.buf)
	}
	if cap(w.buf) > 2*replyBufferBytes {
		w.buf = nil
	}
	w.buf = w.buf[:0]
	return w.err
}
