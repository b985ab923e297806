package daemon

import (
	"errors"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel/numfile"
	"github.com/moonkeep/moonkeep/core/kernel/processes"
	"github.com/moonkeep/moonkeep/core/node"
)

// watcher looks at the files and processes of one configuration. It implements
// engine.Watcher.
type watcher struct {
	files     *numfile.Watcher
	processes *processes.Watcher
}

// newWatcher returns one that hears of processes by the feed.
func newWatcher(c *config.Config, feed *processes.Feed) *watcher {
	return &watcher{files: numfile.New(build.Files(c)), processes: processes.New(build.Patterns(c), feed)}
}

// Start implements engine.Watcher.
func (w *watcher) Start(tell func(node.Event)) {
	w.files.Start(func(name string, r numfile.Reading) {
		tell(fileRead(name, r))
	})
	w.processes.Start(func(name string, c processes.Count) {
		tell(&node.ProcessesCounted{Process: name, Count: c.Count, Method: c.Method, Failure: c.Failure})
	})
}

// Close implements engine.Watcher.
func (w *watcher) Close() error { return errors.Join(w.files.Close(), w.processes.Close()) }

// readLimit is how long the start, or a reload, waits for the files of checks.
const readLimit = time.Second

// readings is what is in the files that checks of n follow, and in those that were
// elsewhere in an earlier configuration. A file that hangs is left to the watcher.
func readings(c, earlier *config.Config, n *node.Config) (list []node.FileRead) {
	paths, all := map[string]string{}, build.Files(c)
	if earlier != nil {
		for name, was := range build.Files(earlier) {
			if now, stays := all[name]; stays && now != was {
				paths[name] = now
			}
		}
	}
	for i := range n.Services {
		for k := range n.Services[i].Servers {
			for _, check := range n.Services[i].Servers[k].Checks {
				if check.File != "" {
					paths[check.File] = all[check.File]
				}
			}
		}
	}
	for name, r := range numfile.ReadAll(paths, readLimit) {
		list = append(list, *fileRead(name, r))
	}
	return list
}

func fileRead(name string, r numfile.Reading) *node.FileRead {
	return &node.FileRead{File: name, Value: r.Value, Missing: r.Missing, Failure: r.Failure}
}

// initialise writes the files that have init_file, but for those that an
// earlier configuration had. undo, which is never nil, puts back what was in them.
func initialise(c, earlier *config.Config) (undo func() error, err error) {
	var errs []error
	var undos []func() error
	for i := range c.TrackFiles {
		f := &c.TrackFiles[i]
		had := earlier != nil && slices.ContainsFunc(earlier.TrackFiles, func(o config.TrackFile) bool { return o.File == f.File })
		if f.InitFile != nil && !had {
			back, err := numfile.Write(f.File, f.InitFile.Value, f.InitFile.Overwrite)
			undos, errs = append(undos, back), append(errs, err)
		}
	}
	return func() error {
		var errs []error
		for _, back := range slices.Backward(undos) {
			errs = append(errs, back())
		}
		return errors.Join(errs...)
	}, errors.Join(errs...)
}
