// Package yggr is this library as a system of the benchmark: three nodes with their defaults, storage in real
// directories and the TCP transport over the loopback interface, written to through the typed handle.
package yggr
