package yggr_test

import (
	_ "github.com/cockroachdb/datadriven"
	_ "github.com/stretchr/testify/require"
	_ "go.uber.org/goleak"
	_ "google.golang.org/protobuf/proto"
	_ "pgregory.net/rapid"
)
