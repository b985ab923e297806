package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// signalJSON is the signal at which keepalived dumps JSON: SIGRTMIN+2, as the
// C library counts.
const signalJSON = syscall.Signal(36)

// dumpLimit is how long a dump may take.
const dumpLimit = 5 * time.Second

// dump writes down how the node stands, at the signals and to the files that
// users of keepalived know: SIGUSR1 the state, SIGUSR2 the counters,
// SIGRTMIN+2 both as JSON. Without state_dump_file, stats_dump_file and
// json_dump_file the files are in the run directory: unlike keepalived's in
// /tmp, nobody else can put something in their place.
func (d *daemon) dump(ctx context.Context, s os.Signal) {
	ctx, cancel := context.WithTimeout(ctx, dumpLimit)
	defer cancel()
	path, err := d.dumpTo(ctx, s)
	if err != nil {
		d.log.Error("cannot write the state", "signal", s.String(), "err", err)
		return
	}
	d.log.Info("state written", "signal", s.String(), "file", path)
}

func (d *daemon) dumpTo(ctx context.Context, s os.Signal) (string, error) {
	g := d.current().Global
	path, name := g.StateDumpFile, "moonkeep.data"
	switch s {
	case syscall.SIGUSR2:
		path, name = g.StatsDumpFile, "moonkeep.stats"
	case signalJSON:
		path, name = g.JSONDumpFile, "moonkeep.json"
	}
	if path == "" {
		path = filepath.Join(d.opts.RunDir, name)
	}
	var text bytes.Buffer
	if s == signalJSON {
		v, err := d.Keepalived(ctx)
		if err != nil {
			return "", err
		}
		if err := json.NewEncoder(&text).Encode(v); err != nil {
			return "", err
		}
	} else {
		st, err := d.Status(ctx)
		if err != nil {
			return "", err
		}
		if s == syscall.SIGUSR2 {
			for i := range st.Instances {
				counters, err := json.MarshalIndent(st.Instances[i].Counters, "", "  ")
				if err != nil {
					return "", err
				}
				fmt.Fprintf(&text, "%s: %s\n", st.Instances[i].Name, counters)
			}
		} else if err := d.opts.Print(&text, &st); err != nil {
			return "", err
		}
	}
	return path, replaceFile(path, text.Bytes())
}

// replaceFile writes a file that only its owner can read, whole or not at all.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
