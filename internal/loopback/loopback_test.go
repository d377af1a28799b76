package loopback

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	perProcess = 200
	asChild    = "LOOPBACK_TEST_PRINTS_ADDRESSES"
)

// TestMain lets the test binary be the other process.
func TestMain(m *testing.M) {
	if os.Getenv(asChild) == "" {
		os.Exit(m.Run())
	}
	for range perProcess {
		address, err := Address()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(address)
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // what is given out stays so while this process lives
}

// Processes and goroutines that ask at the same time are given different addresses, and all of them can be listened on.
func TestNoAddressIsGivenTwice(t *testing.T) {
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), asChild+"=1")
	stdin, err := other.StdinPipe()
	require.NoError(t, err)
	stdout, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())

	given := make([]string, perProcess)
	var wg sync.WaitGroup
	for i := range given {
		wg.Go(func() {
			if address, err := Address(); err == nil {
				given[i] = address
			}
		})
	}
	wg.Wait()
	for range perProcess {
		var address string
		_, err := fmt.Fscanln(stdout, &address)
		require.NoError(t, err)
		given = append(given, address)
	}
	seen := make(map[string]bool)
	for _, address := range given {
		require.False(t, seen[address], "%s was given twice", address)
		seen[address] = true
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		require.NoError(t, listener.Close())
	}
	require.NoError(t, stdin.Close())
	require.NoError(t, other.Wait())
}

func TestAddressesInUseArePassedOver(t *testing.T) {
	address, err := Address()
	require.NoError(t, err)
	port, err := strconv.Atoi(strings.TrimPrefix(address, "127.0.0.1:"))
	require.NoError(t, err)
	_, err = reserve(port)
	require.Error(t, err, "it is given out")

	last := len(taken.sockets) - 1
	require.NoError(t, taken.sockets[last].Close())
	taken.sockets = taken.sockets[:last]
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	_, err = reserve(port)
	require.Error(t, err, "somebody listens there")
	require.NoError(t, listener.Close())
	_, err = reserve(port)
	require.NoError(t, err, "a refusal keeps nothing")
}
