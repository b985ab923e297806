package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// redisRole is the checker: who it is, and how a check is prepared.
type redisRole struct{}

// settings are the options of a check, by their names in the configuration.
type settings struct {
	Role     string `json:"role"`
	Username string `json:"username"`
	Password string `json:"password"`
}

// Info is what `moonkeep plugin info` shows, and what the daemon holds a
// configuration against.
func (redisRole) Info() checker.Info {
	return checker.Info{
		Name:    "redis-role",
		Version: "1.0.0",
		Doc:     "Asks a Redis server for its role.",
		Options: []checker.Option{
			{Name: "role", Type: "string", Default: "master", Doc: "The role that it must have: master or replica."},
			{Name: "username", Type: "string", Doc: "The user of the password; the default user when left out."},
			{Name: "password", Type: "string", Secret: true, Doc: "What it is asked with; nothing when left out."},
		},
	}
}

// Prepare is called once for a check. It reads the options and says what is
// wrong with them; it does not touch the network.
func (redisRole) Prepare(target checker.Target, options checker.Options) (checker.Probe, error) {
	s := settings{Role: "master"}
	if err := options.Decode(&s); err != nil {
		return nil, err
	}
	if s.Role != "master" && s.Role != "replica" {
		return nil, fmt.Errorf("role is %q; it can be master or replica", s.Role)
	}
	if !target.Address.IsValid() || target.Address.Port() == 0 {
		return nil, errors.New("a server with an address and a port is needed")
	}
	if s.Username != "" && s.Password == "" {
		return nil, errors.New("username needs password")
	}
	return &probe{target: target, settings: s}, nil
}

// probe is one check. It never runs twice at once.
type probe struct {
	target   checker.Target
	settings settings
}

// Probe finds out once. What is wrong with the server is Failed; that this side
// could not ask is Unknown, which checker.Failure tells apart by the error.
func (p *probe) Probe(ctx context.Context) checker.Result {
	// It ends when the probe's time is up, or when it is called off.
	conn, err := checker.Connect(ctx, p.target)
	if err != nil {
		return checker.Failure(err, "connect")
	}
	defer conn.Close()

	r := bufio.NewReader(conn)
	if p.settings.Password != "" {
		auth := []string{"AUTH", p.settings.Password}
		if p.settings.Username != "" {
			auth = []string{"AUTH", p.settings.Username, p.settings.Password}
		}
		if _, err := ask(conn, r, auth...); err != nil {
			return checker.Failure(err, "log in")
		}
	}
	answer, err := ask(conn, r, "ROLE")
	if err != nil {
		return checker.Failure(err, "ask for the role")
	}
	return p.judge(answer)
}

// judge says what an answer to ROLE is worth. It needs no network, so that its
// tests are a table.
func (p *probe) judge(answer any) checker.Result {
	list, ok := answer.([]any)
	if !ok || len(list) == 0 {
		return failed("the answer to ROLE is no list")
	}
	details := []checker.Detail{{Name: "received", Text: fmt.Sprintf("%v", list)}}
	result := func(r checker.Result) checker.Result {
		r.Details = details
		return r
	}
	switch role := list[0]; {
	case role == "master" && p.settings.Role == "master":
		return result(checker.Result{Verdict: checker.OK, Message: "it is the master"})
	case role == "slave" && p.settings.Role == "replica": // Redis keeps the old word here
		if len(list) < 5 {
			return result(failed("the answer to ROLE is too short"))
		}
		if list[3] != "connected" {
			return result(failed("its link to the master is %v", list[3]))
		}
		return result(checker.Result{Verdict: checker.OK, Message: "it is a replica of " + fmt.Sprint(list[1])})
	default:
		return result(failed("it is %v, expected %s", role, p.settings.Role))
	}
}

func failed(format string, args ...any) checker.Result {
	return checker.Result{Verdict: checker.Failed, Message: fmt.Sprintf(format, args...)}
}
