package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/yggr-go/yggr/actors"
	"github.com/yggr-go/yggr/engine"
)

// adminTimeout bounds how long a change or a transfer is waited for. A cluster without a majority would never answer.
const adminTimeout = 10 * time.Second

// administration is what changes the membership; [actors.Admin] is one.
type administration interface {
	AddVoter(ctx context.Context, id engine.NodeID, address string, options ...actors.ChangeOption) (actors.Receipt, error)
	AddLearner(ctx context.Context, id engine.NodeID, address string, options ...actors.ChangeOption) (actors.Receipt, error)
	Promote(ctx context.Context, id engine.NodeID, options ...actors.ChangeOption) (actors.Receipt, error)
	Demote(ctx context.Context, id engine.NodeID) (actors.Receipt, error)
	Remove(ctx context.Context, id engine.NodeID) (actors.Receipt, error)
	UpdateAddress(ctx context.Context, id engine.NodeID, address string) (actors.Receipt, error)
}

// adminRequest is a subcommand of RAFT.
type adminRequest struct {
	name    string // in lower case
	words   string // what it wants, in order: "id", "address", and options in brackets
	effect  string // one line of help
	perform func(s *server, ctx context.Context, a adminWords) (report, error)
}

// adminWords is what an operator said behind the name of a subcommand.
type adminWords struct {
	id      engine.NodeID // 0: not said
	address string
	options []actors.ChangeOption
}

// adminRequests is a function and no variable because HELP, which is one of them, lists them.
func adminRequests() []adminRequest {
	return []adminRequest{
		{"help", "", "this list", (*server).adminHelp},
		{"members", "", "who belongs to the cluster; the leader tells how far each member is", (*server).members},
		{"status", "", "what this node knows of itself", (*server).status},
		{"add-learner", "id address [incarnation]", "add a node that receives the log and does not count", changes((*server).addLearner)},
		{"add-voter", "id address [incarnation] [force]", "add a node that counts at once; better add a learner and promote it", changes((*server).addVoter)},
		{"promote", "id [force]", "make a learner that has caught up a voter", changes((*server).promote)},
		{"demote", "id", "make a voter a learner", changes((*server).demote)},
		{"remove", "id", "remove a member; stop its process afterwards", changes((*server).remove)},
		{"update-address", "id address", "change where other nodes dial a member", changes((*server).updateAddress)},
		{"snapshot", "", "cut the log of this node behind a snapshot of its state, as it does by itself from time to time", (*server).snapshot},
		{"transfer", "[id]", "let another voter lead; without an id the one that holds most of the log", (*server).transfer},
	}
}

// usage is how the subcommand is called.
func (r *adminRequest) usage() string {
	words := strings.NewReplacer("address", "host:port", "[incarnation]", "[INCARNATION hex]", "[force]", "[FORCE]").Replace(r.words)
	return strings.Join(strings.Fields("RAFT "+strings.ToUpper(r.name)+" "+words+" [JSON]"), " ")
}

// raft answers RAFT subcommand [word…] [JSON]: as lines, or as one JSON object.
func (c *connection) raft(words [][]byte) error {
	r, err := findAdminRequest(words[1])
	if err != nil {
		return err
	}
	said := make([]string, 0, len(words)-2)
	for _, word := range words[2:] {
		said = append(said, string(word))
	}
	asJSON := len(said) > 0 && strings.EqualFold(said[len(said)-1], "json")
	if asJSON {
		said = said[:len(said)-1]
	}
	a, err := r.parse(said)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.server.ctx, adminTimeout)
	defer cancel()
	answer, err := r.perform(c.server, ctx, a)
	if _, said := errors.AsType[replyError](err); said {
		return err
	}
	if err != nil {
		return c.server.adminRefusal(a.id, err)
	}
	return c.replies.report(answer, asJSON)
}

func findAdminRequest(word []byte) (*adminRequest, error) {
	for _, r := range adminRequests() {
		if is(word, r.name) {
			return &r, nil
		}
	}
	return nil, replyError(fmt.Sprintf("ERR unknown subcommand '%s' of 'raft': see RAFT HELP", printable(word)))
}

// parse reads the words that the subcommand wants, in their order, and nothing else.
func (r *adminRequest) parse(said []string) (a adminWords, err error) {
	for want := range strings.FieldsSeq(r.words) {
		if said, err = a.take(want, said); err != nil {
			return a, replyError(fmt.Sprintf("ERR %v: %s", err, r.usage()))
		}
	}
	if len(said) > 0 {
		return a, replyError(fmt.Sprintf("ERR '%s' is not expected: %s", printable([]byte(said[0])), r.usage()))
	}
	return a, nil
}

// take reads one wanted word and returns those behind it. An option in brackets that does not come is no error.
func (a *adminWords) take(want string, said []string) ([]string, error) {
	option := want[0] == '['
	switch {
	case len(said) == 0 && option:
		return said, nil
	case len(said) == 0:
		return nil, fmt.Errorf("%s is missing", want)
	}
	word := said[0]
	switch want {
	case "id", "[id]":
		id, err := parseNodeID(word)
		a.id = id
		return said[1:], err
	case "address":
		a.address = word
		return said[1:], checkAddress(word, dialable)
	case "[force]":
		if strings.EqualFold(word, "force") {
			a.options = append(a.options, actors.Force())
			return said[1:], nil
		}
	case "[incarnation]":
		if strings.EqualFold(word, "incarnation") {
			return a.takeIncarnation(said[1:])
		}
	}
	return said, nil
}

func (a *adminWords) takeIncarnation(said []string) ([]string, error) {
	if len(said) == 0 {
		return nil, errors.New("incarnation is missing")
	}
	incarnation, err := strconv.ParseUint(said[0], 16, 64)
	if err != nil || incarnation == 0 {
		return nil, fmt.Errorf("'%s' is no incarnation, which RAFT STATUS of that node shows", printable([]byte(said[0])))
	}
	a.options = append(a.options, actors.OfIncarnation(engine.Incarnation(incarnation)))
	return said[1:], nil
}

// parseNodeID reads 4 and n4 alike, because nodes are printed so.
func parseNodeID(word string) (engine.NodeID, error) {
	digits := strings.TrimPrefix(strings.ToLower(word), "n")
	id, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("'%s' is not a node id", printable([]byte(word)))
	}
	return engine.NodeID(id), nil
}

// report is what a subcommand tells: text for people, and JSON of its fields for programs.
type report interface{ writeText(w *replyWriter) }

// report writes text, or JSON in one string.
func (w *replyWriter) report(r report, asJSON bool) error {
	if !asJSON {
		r.writeText(w)
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	w.bulk(string(text))
	return nil
}

// lines writes an array of short texts, which redis-cli and nc show without quotes.
func (w *replyWriter) lines(lines []string) {
	w.array(len(lines))
	for _, line := range lines {
		w.status(line)
	}
}

// changes makes a change of the membership a subcommand, whose report is the receipt.
func changes(change func(*server, context.Context, adminWords) (actors.Receipt, error)) func(*server, context.Context, adminWords) (report, error) {
	return func(s *server, ctx context.Context, a adminWords) (report, error) {
		receipt, err := change(s, ctx, a)
		return s.receipt(receipt), err
	}
}

func (s *server) addLearner(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().AddLearner(ctx, a.id, a.address, a.options...)
}

func (s *server) addVoter(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().AddVoter(ctx, a.id, a.address, a.options...)
}

func (s *server) promote(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().Promote(ctx, a.id, a.options...)
}

func (s *server) demote(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().Demote(ctx, a.id)
}

func (s *server) remove(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().Remove(ctx, a.id)
}

func (s *server) updateAddress(ctx context.Context, a adminWords) (actors.Receipt, error) {
	return s.store.Admin().UpdateAddress(ctx, a.id, a.address)
}
