package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Operator is what may be asked of a daemon beside looking at it. Only those
// whom Listen counts as operators reach it.
type Operator interface {
	// Failover moves addresses to another node. An error is the asker's fault.
	Failover(context.Context, FailoverRequest) (Moves, error)
	// Maintain puts instances into maintenance or takes them out of it.
	Maintain(context.Context, MaintenanceRequest) (Moves, error)
	// Servers has people take a hand in real servers.
	Servers(context.Context, ServersRequest) (Hands, error)
	// Zero has the counters of the virtual servers begin anew.
	Zero(context.Context, ZeroRequest) (Zeroed, error)
	// Reload reads the configuration again. That it was refused is no error.
	Reload(context.Context, ReloadRequest) (Reloaded, error)
}

// FailoverRequest asks masters to give their addresses up to another node.
type FailoverRequest struct {
	// Names are instances and sync groups; none means every instance that is
	// MASTER.
	Names []string `json:"names"`
	// Rest is for how many seconds those that moved do not preempt; 0 until the
	// other node fails.
	Rest float64 `json:"rest_s"`
	// Force gives the addresses up also when nobody takes them, and whatever a
	// policy objects.
	Force bool `json:"force"`
	// Cancel ends the rest of an earlier failover instead.
	Cancel bool `json:"cancel"`
}

// MaintenanceRequest keeps instances from being MASTER, or lets them again.
type MaintenanceRequest struct {
	// Names are instances and sync groups; none means the whole node.
	Names []string `json:"names"`
	On    bool     `json:"on"`
	Force bool     `json:"force"`
}

// Moves is what became of what was asked for.
type Moves struct {
	Instances []Move `json:"instances"`
	// Maintenance is true when the node as a whole is in maintenance.
	Maintenance bool `json:"maintenance"`
}

// Move is what became of one instance.
type Move struct {
	Instance string `json:"instance"`
	Role     string `json:"role"`
	Why      string `json:"why"`
	// Moved is true when this node gave the addresses up. To is who has them
	// now, empty when nobody took them.
	Moved      bool    `json:"moved"`
	To         string  `json:"to,omitempty"`
	ToPriority int     `json:"to_priority,omitempty"`
	Took       float64 `json:"took_s"`
	// Objection is why a policy held the move back.
	Objection string `json:"objection,omitempty"`
	// Under is true while the hand-over goes on.
	Under       bool `json:"handing_over,omitempty"`
	Maintenance bool `json:"maintenance"`
}

// ReloadRequest asks for the configuration to be read again.
type ReloadRequest struct {
	// Force takes it also when it has new mistakes for which something is left
	// out, or when nothing would run any more.
	Force bool `json:"force,omitempty"`
}

// Reloaded is what a reload came to.
type Reloaded struct {
	// Error is why the configuration was refused, empty when it runs.
	Error string `json:"error,omitempty"`
	// Findings are the errors and warnings of the configuration.
	Findings []Finding `json:"findings"`
	// Plan is what changed, in the shape of `moonkeep plan --json`; null when it
	// was refused.
	Plan json.RawMessage `json:"plan"`
}

// Finding is one of them, as `moonkeep check --json` prints it.
type Finding struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"`
	Severity string `json:"severity"`
	Name     string `json:"name"`
	Text     string `json:"text"`
	// Essence is the beginning of Text that tells one mistake from another, when
	// the rest depends on other parts of the file.
	Essence string `json:"essence,omitempty"`
	// Unseen is how many lost lines of this name are not shown, of which this one
	// tells.
	Unseen int `json:"unseen,omitempty"`
}

const (
	// operationLimit is for one answer to an operator: a hand-over may take as
	// long as the longest advertisement interval, a reload as long as its files.
	operationLimit = time.Minute
	// maxRequest is how many bytes a request has at most.
	maxRequest = 1 << 20
)

// operation makes a handler of what an operator may ask for.
func operation[Request, Answer any](do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who, _ := r.Context().Value(peerKey{}).(*peer); who == nil || !who.operates() {
			http.Error(w, "only root, the daemon's user, and members of the group that the control socket belongs to may ask for this", http.StatusForbidden)
			return
		}
		var request Request
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&request); err != nil {
			http.Error(w, "read the request: "+err.Error(), http.StatusBadRequest)
			return
		}
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(operationLimit + requestLimit)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), operationLimit)
		defer cancel()
		value, err := do(ctx, request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(value) // an error here is the asker's going away
	}
}

// operations adds what operators may ask for.
func operations(mux *http.ServeMux, d Operator) {
	mux.HandleFunc("POST /v1/failover", operation(d.Failover))
	mux.HandleFunc("POST /v1/maintenance", operation(d.Maintain))
	mux.HandleFunc("POST /v1/servers", operation(d.Servers))
	mux.HandleFunc("POST /v1/zero", operation(d.Zero))
	mux.HandleFunc("POST /v1/reload", operation(d.Reload))
}

// ErrForbidden is returned to those who may look at a daemon but not operate
// it.
var ErrForbidden = errors.New("not allowed")

// Failover asks for one, and returns what came of it. ErrNotRunning says that
// nobody answers, ErrForbidden that the asker may not.
func (c *Client) Failover(ctx context.Context, r FailoverRequest) (Moves, error) {
	var m Moves
	return m, c.operate(ctx, "/v1/failover", r, &m)
}

// Maintain is the same for maintenance.
func (c *Client) Maintain(ctx context.Context, r MaintenanceRequest) (Moves, error) {
	var m Moves
	return m, c.operate(ctx, "/v1/maintenance", r, &m)
}

// Reload is the same for a reload.
func (c *Client) Reload(ctx context.Context, r ReloadRequest) (Reloaded, error) {
	var out Reloaded
	return out, c.operate(ctx, "/v1/reload", r, &out)
}
