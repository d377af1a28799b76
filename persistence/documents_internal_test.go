package persistence

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// tableRow is a row of a table of bytes.
type tableRow struct {
	offset, size int
	text         string
}

// layouts says how long each structure is, and by a word what stands at an offset.
var layouts = map[string]struct {
	size   int
	fields map[int]string
}{
	"Identity file": {sectorSize, map[int]string{
		stampVersion: "version", stampChecksum: "checksum", fieldNode: "node", fieldIncarnation: "incarnation",
		fieldFounders: "founders", fieldNameLength: "length", fieldName: "name", identityEnd: "zeros",
	}},
	"Segment header": {blockSize, map[int]string{
		stampVersion: "version", stampChecksum: "checksum", stampFields: "identity", identityEnd: "zeros",
		fieldNumber: "number", fieldUseID: "use-id", fieldFirstBatch: "first batch", fieldSize: "size", fieldSize + 8: "zeros",
	}},
	"Batch header": {batchHeaderSize, map[int]string{
		fieldBatchSum: "checksum", fieldBatchUseID: "use-id", fieldBatchNumber: "number", fieldBatchLength: "length",
		fieldPayloadSum: "CRC32C of the records", fieldPrevious: "before", fieldBatchRecords: "how many",
		fieldBatchReserved: "zeros",
	}},
	"Record header":           {recordHeaderSize, map[int]string{0: "kind", 1: "version", 4: "length", 8: "group"}},
	"Entries, kind 1":         {entriesHeaderSize, map[int]string{0: "first", 8: "how many"}},
	"Entry":                   {entryHeaderSize, map[int]string{0: "term", 8: "length", 12: "kind"}},
	"Hard state, kind 2":      {hardStateSize, map[int]string{0: "term", 8: "vote", 16: "incarnation"}},
	"Commit, kind 3":          {commitSize, map[int]string{0: "commit"}},
	"Checkpoint, kind 4":      {checkpointSize, map[int]string{0: "term", 32: "index of the base", 56: "commit", 80: "snapshot"}},
	"Snapshot switch, kind 5": {switchSize, map[int]string{0: "id", 32: "index of the base", 40: "kept", 41: "zeros"}},
	"Seal, kind 6":            {sealSize, map[int]string{0: "number", 8: "use-id"}},
}

// The two documents that list every byte list the bytes that are written, without a gap.
func TestDocumentsListEveryByte(t *testing.T) {
	for path, patterns := range map[string]struct{ title, row string }{
		"doc.go":             {`^// ([A-Z][^:.]*): `, `^//\t *(\d+) +(\d+)  (.+)$`},
		"../docs/storage.md": {`^\*\*([^*]+)\*\*: `, `^\| (\d+) \| (\d+) \| (.+) \|$`},
	} {
		t.Run(path, func(t *testing.T) {
			document, err := os.ReadFile(path)
			require.NoError(t, err)
			tables := tablesIn(string(document), regexp.MustCompile(patterns.title), regexp.MustCompile(patterns.row))
			require.Len(t, tables, len(layouts))
			for name, want := range layouts {
				end := 0
				for _, row := range tables[name] {
					require.Equal(t, end, row.offset, "%s: a gap before %q", name, row.text)
					end += row.size
				}
				require.Equal(t, want.size, end, name)
				for offset, word := range want.fields {
					require.Contains(t, textAt(tables[name], offset), word, "%s, offset %d", name, offset)
				}
			}
		})
	}
}

// tablesIn returns the rows below each title that has some.
func tablesIn(document string, title, row *regexp.Regexp) map[string][]tableRow {
	tables := map[string][]tableRow{}
	name := ""
	for line := range strings.Lines(document) {
		line = strings.TrimRight(line, "\n")
		if found := title.FindStringSubmatch(line); found != nil {
			name = found[1]
		} else if strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "// # ") {
			name = "" // another chapter
		}
		if found := row.FindStringSubmatch(line); found != nil && name != "" {
			offset, _ := strconv.Atoi(found[1])
			size, _ := strconv.Atoi(found[2])
			tables[name] = append(tables[name], tableRow{offset, size, found[3]})
		}
	}
	return tables
}

func textAt(table []tableRow, offset int) string {
	for _, row := range table {
		if row.offset == offset {
			return row.text
		}
	}
	return ""
}
