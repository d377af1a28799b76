// Package links puts a TCP proxy of our own into every connection between nodes, so that the links of a node can go
// silent as in a network that loses every packet: nothing arrives any more, in neither direction, and nobody is told.
// There is no end of a connection (no FIN), no reset (RST), and who dials gets no answer.
//
//	n1 ── dials ──► link 1→2 ── dials ──► n2       one link for each direction that is dialled; each carries
//	n2 ── dials ──► link 2→1 ── dials ──► n1       bytes both ways, as the connections of the transport do
//
// No privilege is needed for it. What differs from real loss: the proxy takes what was on its way when silence begins,
// and a window's worth of bytes more, and delivers it when silence ends, as a sender's retransmission would.
//
// Nodes do not know of it: a [Mesh] wraps their network and replaces, in each route, the peer's address by that of the
// link to it.
package links
