package control

// Notifications counts what was told since the daemon started.
type Notifications struct {
	// Waiting are changes that programs or functions are still to be told of.
	Waiting int `json:"waiting"`
	// Told and Failed count runs of programs and functions, Dropped changes.
	Told    uint64 `json:"told"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
	FIFOs   []FIFO `json:"fifos"`
	// Mail is null when no mail is sent.
	Mail *Mail `json:"mail"`
}

// FIFO counts the lines of a FIFO since it was opened.
type FIFO struct {
	Path    string `json:"path"`
	Written uint64 `json:"lines_written"`
	Dropped uint64 `json:"lines_dropped"`
}

// Mail counts alerts, each of which goes to all recipients.
type Mail struct {
	Waiting int    `json:"waiting"`
	Sent    uint64 `json:"sent"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
}
