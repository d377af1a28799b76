package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yggr-go/yggr/bench/etcd"
	"github.com/yggr-go/yggr/bench/floor"
	"github.com/yggr-go/yggr/bench/hashicorp"
	"github.com/yggr-go/yggr/bench/workload"
	"github.com/yggr-go/yggr/bench/yggr"
)

// systems are all that can be measured.
var systems = []workload.System{
	{Name: "yggr", Start: yggr.Start},
	{Name: "etcd", Start: etcd.Async},
	{Name: "etcd-sync", Start: etcd.Sync},
	{Name: "hashicorp", Start: hashicorp.Start},
	{Name: "floor", Start: floor.Start},
}

func systemNames() string {
	names := make([]string, len(systems))
	for i, s := range systems {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}

func findSystem(name string) (workload.System, error) {
	at := slices.IndexFunc(systems, func(s workload.System) bool { return s.Name == name })
	if at < 0 {
		return workload.System{}, fmt.Errorf("no system is called %q: there are %s", name, systemNames())
	}
	return systems[at], nil
}
