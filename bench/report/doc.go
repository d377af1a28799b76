// Package report turns the results of several rounds into a table of medians, and into CSV with every round.
package report
