package build

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

// Files returns where each track_file of c is, by name.
func Files(c *config.Config) map[string]string {
	paths := make(map[string]string, len(c.TrackFiles))
	for i := range c.TrackFiles {
		paths[c.TrackFiles[i].Name] = c.TrackFiles[i].File
	}
	return paths
}

// Patterns returns which processes each vrrp_track_process of c means, by
// name. As in keepalived arguments that are configured without param_match
// must be all that there are.
func Patterns(c *config.Config) map[string]track.Pattern {
	patterns := make(map[string]track.Pattern, len(c.TrackProcesses))
	for i := range c.TrackProcesses {
		p := &c.TrackProcesses[i]
		x := track.Pattern{Name: p.Process[0], Args: p.Process[1:], Full: p.FullCommand}
		switch p.ParamMatch {
		case "initial":
			x.Match = track.InitialArgs
		case "partial":
			x.Match = track.PartialArgs
		case "exact":
			x.Match = track.ExactArgs
		default:
			if len(x.Args) > 0 {
				x.Match = track.ExactArgs
			}
		}
		patterns[p.Name] = x
	}
	return patterns
}

func process(p *config.TrackProcess) node.Process {
	n := node.Process{
		Name: p.Name, Quorum: track.Quorum{Least: p.Quorum, Most: track.NoMost},
		ForkDelay: p.ForkDelay, TerminateDelay: p.TerminateDelay,
	}
	if p.QuorumMax != nil {
		n.Quorum.Most = *p.QuorumMax
	}
	return n
}

func files(tracks []config.Track) []node.TrackFile {
	var all []node.TrackFile
	for _, t := range tracks {
		all = append(all, node.TrackFile{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

func processes(tracks []config.Track) []node.TrackProcess {
	var all []node.TrackProcess
	for _, t := range tracks {
		all = append(all, node.TrackProcess{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

// delays returns how late changes of interfaces count. As in keepalived no
// loss counts later than the instances on the interface can wait for (which cuts the
// return, too, where it is to take as long), and what an instance has in its place
// (use_vmac, use_ipvlan) is as slow. Of several lines for one interface the last counts.
func delays(c *config.Config) []node.InterfaceDelay {
	c = Within(c, "")
	if len(c.InterfaceDelays) == 0 {
		return nil
	}
	var all []node.InterfaceDelay
	at := make(map[string]int)
	add := func(x node.InterfaceDelay) {
		if i, ok := at[x.Interface]; ok {
			all[i] = x
			return
		}
		at[x.Interface] = len(all)
		all = append(all, x)
	}
	for _, d := range c.InterfaceDelays {
		x := node.InterfaceDelay{Interface: d.Interface, Up: d.Up, Down: d.Down}
		for i := range c.Instances {
			in := &c.Instances[i]
			if in.Interface == d.Interface {
				x = cut(x, in)
			}
		}
		add(x)
	}
	l := lay(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		x := node.InterfaceDelay{Interface: l.carrier(in, i)}
		below, slow := at[in.Interface]
		if _, written := at[x.Interface]; !slow || written {
			continue
		}
		x.Up, x.Down = all[below].Up, all[below].Down
		add(x)
	}
	return all
}

func cut(x node.InterfaceDelay, in *config.Instance) node.InterfaceDelay {
	longest := in.LongestDelay()
	switch {
	case longest == 0:
		x.Up, x.Down = 0, 0
	case x.Down > longest && x.Up == x.Down:
		x.Up, x.Down = longest, longest
	case x.Down > longest:
		x.Down = longest
	}
	return x
}
