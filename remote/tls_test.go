package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

// mutualTLS returns configurations of nodes that trust one self-signed certificate and nobody else.
func mutualTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "yggr test"},
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{Certificates: own, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: own, RootCAs: pool}
}

func TestNodesTalkOverTLS(t *testing.T) {
	server, client := mutualTLS(t)
	encrypted := func(c *TCPConfig) { c.ServerTLS, c.ClientTLS = server, client }
	a, heard := listeningAs(t, 1, encrypted)
	b, heardToo := listeningAs(t, 2, encrypted)
	a.SetRoute(2, b.Address())
	for i := range 100 {
		m := entriesOf(engine.SendNumber(i+1), 10_000)
		a.Send(2, m)
		require.Equal(t, engine.Message(m), <-heardToo.messages)
		b.Send(1, &engine.AppendEntriesResponse{Term: 1, Accepted: true, Match: 1})
		<-heard.messages
	}
}

func TestPlainTextAndForeignCertificatesAreRefusedWhereTLSIsConfigured(t *testing.T) {
	server, client := mutualTLS(t)
	a, heard := listeningAs(t, 1, func(c *TCPConfig) { c.ServerTLS, c.ClientTLS = server, client })
	plain := dial(t, a)
	plain.write(frameOf([]byte("hello")))
	plain.untilClosed()
	require.EqualValues(t, 1, a.Metrics().Refused)

	_, stranger := mutualTLS(t)
	stranger.InsecureSkipVerify = true
	conn := dial(t, a)
	encrypted := tls.Client(conn, stranger)
	_ = encrypted.Handshake()
	_ = writeHandshake(encrypted, helloToWire(introductionOf(2)))
	conn.untilClosed()
	require.EqualValues(t, 2, a.Metrics().Refused)
	require.Empty(t, heard.seen)

	_, err := NewTCP(TCPConfig{Listen: "127.0.0.1:0", ServerTLS: server}).NewTransport(introductionOf(1))
	require.ErrorIs(t, err, ErrInvalidConfig)
}
