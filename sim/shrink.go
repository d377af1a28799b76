package sim

import (
	"errors"
	"strings"

	"github.com/yggr-go/yggr/sim/check"
)

// Shrink looks for a small part of a failing run that fails for the same reason: calm weather if that is enough, few
// injections, few steps. It makes at most so many runs, and returns the options of the best one with its result.
//
// Injections are left out in ever smaller pieces (delta debugging). Each has a stream of chance of its own, so those
// that are left do what they did before, as far as the cluster lets them.
func Shrink(options Options, failed Result, runs int) (Options, Result) {
	options.Tell = nil
	s := shrinking{options: options, result: failed, reason: reason(failed.Err), left: runs}
	calm := options
	calm.Calm = true
	s.try(calm)
	s.dropInjections()
	s.dropSteps()
	return s.options, s.result
}

// shrinking is the search. It holds the smallest run that fails as the first one did.
type shrinking struct {
	options Options
	result  Result
	reason  string
	left    int
}

// try runs with other options and keeps them if the run fails for the same reason.
func (s *shrinking) try(options Options) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	result := Run(options)
	if result.Err == nil || reason(result.Err) != s.reason {
		return false
	}
	s.options, s.result = options, result
	return true
}

func (s *shrinking) dropInjections() {
	pieces := 2
	for s.left > 0 {
		numbers := s.result.numbers()
		if len(numbers) == 0 || !s.dropPiece(numbers, pieces) {
			if pieces >= len(numbers) {
				return
			}
			pieces = min(2*pieces, len(numbers))
			continue
		}
		pieces = max(2, pieces-1)
	}
}

// dropPiece leaves one of so many pieces out, the first that is not needed.
func (s *shrinking) dropPiece(numbers []int, pieces int) bool {
	for i := range pieces {
		from, to := i*len(numbers)/pieces, (i+1)*len(numbers)/pieces
		if from == to {
			continue
		}
		options := s.options
		options.Only = append(append([]int{}, numbers[:from]...), numbers[to:]...)
		if s.try(options) {
			return true
		}
	}
	return false
}

func (s *shrinking) dropSteps() {
	for {
		options := s.options
		options.Steps = options.Steps * 2 / 3
		if options.Only == nil {
			options.Only = s.result.numbers()
		}
		if options.Steps == 0 || !s.try(options) {
			return
		}
	}
}

// numbers returns the injections that happened; never nil.
func (r *Result) numbers() []int {
	numbers := make([]int, len(r.Injected))
	for i := range r.Injected {
		numbers[i] = r.Injected[i].Number
	}
	return numbers
}

// reason is what two failures have in common that are the same one: the property that does not hold, or the first line.
func reason(err error) string {
	if violation, ok := errors.AsType[*check.Violation](err); ok {
		return violation.Property
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
