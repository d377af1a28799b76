package remote

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yggr-go/yggr/engine"
)

func peerName(id engine.NodeID) string { return fmt.Sprintf("n%d.raft.test", id) }

// authority issues certificates.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "yggr test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, a.key = template, newKey(t)
	a.certificate, _ = a.sign(template, a.key)
	a.pool.AddCert(a.certificate)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, []byte) {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(a.t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return certificate, der
}

// issue returns configurations of nodes that trust this authority and nobody else, with a certificate for names.
func (a *authority) issue(names ...string) (server, client *tls.Config) {
	a.t.Helper()
	key := newKey(a.t)
	_, der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: names,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, key)
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{Certificates: own, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert},
		&tls.Config{Certificates: own, RootCAs: a.pool}
}

// secures gives a node the certificate for names.
func (a *authority) secures(names ...string) func(*TCPConfig) {
	return func(c *TCPConfig) {
		c.ServerTLS, c.ClientTLS = a.issue(names...)
		c.PeerName = peerName
	}
}

func TestNodesTalkOverTLS(t *testing.T) {
	ca := newAuthority(t)
	a, heard := listeningAs(t, 1, ca.secures(peerName(1)))
	b, heardToo := listeningAs(t, 2, ca.secures(peerName(2)))
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
	ca := newAuthority(t)
	a, heard := listeningAs(t, 1, ca.secures(peerName(1)))
	plain := dial(t, a)
	plain.write(frameOf([]byte("hello")))
	plain.untilClosed()
	require.EqualValues(t, 1, a.Metrics().Refused)

	_, stranger := newAuthority(t).issue(peerName(2))
	stranger.InsecureSkipVerify = true
	conn := dial(t, a)
	encrypted := tls.Client(conn, stranger)
	_ = encrypted.Handshake()
	_ = writeHandshake(encrypted, helloToWire(introductionOf(2)))
	conn.untilClosed()
	require.EqualValues(t, 2, a.Metrics().Refused)
	require.Empty(t, heard.seen)
}

// Node 2 has a good certificate, and says that it is node 3. The connection of the real node 3 is not touched.
func TestNobodyClaimsAnotherMembersID(t *testing.T) {
	ca := newAuthority(t)
	a, heard := listeningAs(t, 1, ca.secures(peerName(1)))
	honest, err := ca.dialAs(a, 3, peerName(3))
	require.NoError(t, err)
	<-heard.seen

	_, err = ca.dialAs(a, 3, peerName(2))
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "not the certificate of n3")
	require.ErrorContains(t, err, "n2.raft.test, not n3.raft.test")

	honest.write(appendFrame(nil, &engine.Heartbeat{Term: 5}))
	require.Equal(t, &engine.Heartbeat{Term: 5}, <-heard.messages)
	require.Empty(t, heard.seen)
}

// dialAs shakes hands with node 1 as the node id, with a certificate for name.
func (a *authority) dialAs(transport Transport, id engine.NodeID, name string) (*stranger, error) {
	a.t.Helper()
	_, client := a.issue(name)
	client.ServerName = peerName(1)
	s := dial(a.t, transport)
	s.Conn = tls.Client(s.Conn, client)
	s.reader.Reset(s.Conn)
	_, err := introduce(s, s.reader, introductionOf(id), 1)
	return s, err
}

// The dialler, too: whoever has taken over an address cannot speak for the member that is expected there, not even
// with the certificate of another member.
func TestADialledNodeMustHaveItsOwnCertificate(t *testing.T) {
	ca := newAuthority(t)
	told := make(logged, 100)
	a, heard := listeningAs(t, 1, ca.secures(peerName(1)), func(c *TCPConfig) { c.Logger = told })
	impostor, heardToo := listeningAs(t, 2, ca.secures(peerName(3)))
	a.SetRoute(2, impostor.Address())
	told.await("peer is unreachable")
	require.Empty(t, heard.seen)
	require.Empty(t, heardToo.seen)
}

// Whatever else a TLS configuration skips: a name is only believed of a certificate that was verified.
func TestAnUnverifiedCertificateNamesNobody(t *testing.T) {
	ca := newAuthority(t)
	carefree := func(c *TCPConfig) { c.ClientTLS.InsecureSkipVerify = true }
	told := make(logged, 100)
	a, heard := listeningAs(t, 1, ca.secures(peerName(1)), carefree, func(c *TCPConfig) { c.Logger = told })
	b, _ := listeningAs(t, 2, ca.secures(peerName(2)))
	a.SetRoute(2, b.Address())
	told.await("peer is unreachable")
	require.NotZero(t, a.Metrics().Refused)
	require.Empty(t, heard.seen)
}

func TestAnyCertificateOnlyByExplicitChoice(t *testing.T) {
	ca := newAuthority(t)
	a, _ := listeningAs(t, 1, ca.secures("localhost"), func(c *TCPConfig) {
		c.PeerName, c.AllowAnyCertificate, c.ClientTLS.ServerName = nil, true, "localhost"
	})
	b, heard := listeningAs(t, 2, ca.secures("localhost"), func(c *TCPConfig) { c.PeerName, c.AllowAnyCertificate = nil, true })
	a.SetRoute(2, b.Address())
	a.Send(2, &engine.RequestVote{Term: 1})
	require.Equal(t, &engine.RequestVote{Term: 1}, <-heard.messages)

	for text, change := range map[string]func(*TCPConfig){
		"ServerTLS and ClientTLS go together":             func(c *TCPConfig) { c.ClientTLS = nil },
		"set PeerName, or AllowAnyCertificate":            func(c *TCPConfig) { c.PeerName = nil },
		"contradict each other":                           func(c *TCPConfig) { c.AllowAnyCertificate = true },
		"mean nothing without TLS":                        func(c *TCPConfig) { c.ServerTLS, c.ClientTLS = nil, nil },
		"needs certificates that are demanded":            func(c *TCPConfig) { c.ServerTLS.ClientAuth = tls.NoClientCert },
		"ServerTLS.ClientAuth is VerifyClientCertIfGiven": func(c *TCPConfig) { c.ServerTLS.ClientAuth = tls.VerifyClientCertIfGiven },
	} {
		cfg := TCPConfig{Listen: "127.0.0.1:0"}
		ca.secures(peerName(1))(&cfg)
		change(&cfg)
		_, err := NewTCP(cfg).NewTransport(introductionOf(1))
		require.ErrorIs(t, err, ErrInvalidConfig, text)
		require.ErrorContains(t, err, text)
	}
}
