package balance

// Server is a real server as its checks find it.
type Server struct {
	Up bool
	// Weight is the one in force, as Weight returns it.
	Weight int
	// Inhibits says that it keeps its place with weight 0 while it does not
	// serve.
	Inhibits bool
	// Hand is what people want of it, whatever its checks say.
	Hand Hand
}

// Hand is what people want of a server.
type Hand uint8

// The hands.
const (
	// Free leaves it to the checks.
	Free Hand = iota
	// Draining gives it no new connections; those that it has go on.
	Draining
	// Out takes its place away, and its connections with it.
	Out
)

// Sorry says what there is to know of the sorry server of a service.
type Sorry struct {
	// Present is false when there is none.
	Present bool
	// Inhibits says that it keeps its place with weight 0 while it does not
	// serve.
	Inhibits bool
}

// SorryServer is the Server of a Place that is the sorry server's.
const SorryServer = -1

// sorryWeight is the weight of a sorry server that serves.
const sorryWeight = 1

// Place is one place in a service.
type Place struct {
	// Server is the index of a real server, or SorryServer.
	Server int
	Weight int
}

// Serving appends the places that a service should have to dst: those of real
// servers in their order, and that of the sorry server behind them. quorum says
// whether the service has its quorum. Without it the sorry server serves in
// place of those that work; where there is none they go on. One that inhibits
// keeps its place with weight 0 in either case.
func Serving(dst []Place, servers []Server, sorry Sorry, quorum bool) []Place {
	instead := sorry.Present && !quorum
	for i := range servers {
		switch s := &servers[i]; {
		case s.Hand == Out:
		case s.Hand == Draining:
			// Also while it is down or the sorry server serves: its connections
			// are what it is kept for.
			dst = append(dst, Place{i, 0})
		case s.Up && !instead:
			dst = append(dst, Place{i, s.Weight})
		case s.Inhibits:
			dst = append(dst, Place{i, 0})
		}
	}
	switch {
	case instead:
		dst = append(dst, Place{SorryServer, sorryWeight})
	case sorry.Present && sorry.Inhibits:
		dst = append(dst, Place{SorryServer, 0})
	}
	return dst
}
