package main

import "testing"

func TestWhoNoticedFirst(t *testing.T) {
	for _, c := range []struct{ name, output, want string }{
		{
			"the innermost",
			"--- FAIL: TestScenarios (0.1s)\n    --- FAIL: TestScenarios/votes (0.0s)\n        x.go:1: wrong\n    --- FAIL: TestScenarios/reads (0.0s)\nFAIL\n",
			"scenario: votes",
		},
		{"one without parts", "ok\n--- FAIL: TestOne (0.1s)\n--- FAIL: TestTwo (0.1s)\nFAIL\n", "scenario: TestOne"},
		{"a panic elsewhere", "panic: boom\n\ngoroutine 7:\np_test.TestThree(0xc0001)\n\tx.go:1\n", "scenario: TestThree"},
		{"nobody in particular", "exit status 2\n", "scenario: the whole run"},
		{
			"a timeout",
			"panic: test timed out after 1m0s\n\trunning tests:\n\t\tTestSlow (1m0s)\n\t\tTestSlow/most (1m0s)\n\ngoroutine 1\n",
			"scenario: killed by timeout in TestSlow/most",
		},
		{
			"a limit that was reached after a failure",
			"--- FAIL: TestOne (0.1s)\nfatal error: runtime: out of memory\n\np_test.TestGrows(0xc0001)\n", "scenario: TestOne",
		},
		{"too much memory", "fatal error: runtime: out of memory\n\np_test.TestGrows(0xc0001)\n", "scenario: killed by memory in TestGrows"},
	} {
		if got := readFailure("scenario", c.output).String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
