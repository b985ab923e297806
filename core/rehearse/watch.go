package rehearse

import "github.com/moonkeep/moonkeep/core/node"

// SetFile changes what is in a tracked file.
func (n *Node) SetFile(name string, value int64) {
	n.Files[name] = value
	n.deliver("file", &node.FileRead{File: name, Value: value})
}

// SetProcesses changes how many run of a tracked process.
func (n *Node) SetProcesses(name string, count int) {
	n.Processes[name] = count
	n.deliver("processes", n.counted(name))
}

func (n *Node) counted(name string) *node.ProcessesCounted {
	count, known := n.Processes[name]
	if !known {
		count = 1
	}
	return &node.ProcessesCounted{Process: name, Count: count, Method: "the simulation"}
}

// tellWatched delivers the state of every tracked file and process.
func (n *Node) tellWatched() {
	for _, f := range n.daemon.config.Files {
		n.deliver("file", &node.FileRead{File: f.Name, Value: n.Files[f.Name]})
	}
	for _, p := range n.daemon.config.Processes {
		n.deliver("processes", n.counted(p.Name))
	}
}
