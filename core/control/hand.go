package control

import "context"

// ServersRequest has people take a hand in real servers, or take it out again.
type ServersRequest struct {
	// Server is ADDRESS or ADDRESS:PORT: every real server that has it.
	Server string `json:"server"`
	// Servers are further ones, all for the same. When there is no such one nothing is
	// done with any.
	Servers []string `json:"servers,omitempty"`
	// Service, when not empty, is the virtual server that is meant, by its name
	// or its address.
	Service string `json:"service,omitempty"`
	// Wish is auto, drain, down or maintenance; empty leaves it as it is.
	Wish string `json:"wish,omitempty"`
	// Limit is for how many seconds connections may go on while it drains; 0
	// is without end.
	Limit float64 `json:"limit_s,omitempty"`
	// Weight takes the place of the configured one; a negative one gives it
	// back to the configuration and the checks, and null leaves it as it is.
	Weight *int `json:"weight,omitempty"`
}

// Hands are the real servers in which people have a hand after a request, of
// those that it named.
type Hands struct {
	Servers []Hand `json:"servers"`
}

// Hand is one of them.
type Hand struct {
	Service string  `json:"service"`
	Server  string  `json:"server"`
	Wish    string  `json:"wish"`
	Limit   float64 `json:"limit_s,omitempty"`
	// Weight is null when it is left to the configuration and the checks.
	Weight *int `json:"weight"`
}

// Servers asks for it, as Failover does.
func (c *Client) Servers(ctx context.Context, r ServersRequest) (Hands, error) {
	var h Hands
	return h, c.operate(ctx, "/v1/servers", r, &h)
}
