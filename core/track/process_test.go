package track

import "testing"

func TestQuorum(t *testing.T) {
	tests := []struct {
		least, most, count int
		want               State
	}{
		{1, NoMost, 0, Down},
		{1, NoMost, 1, Up},
		{1, NoMost, 9999, Up},
		{3, NoMost, 2, Down},
		{3, 4, 2, Down},
		{3, 4, 3, Up},
		{3, 4, 4, Up},
		{3, 4, 5, Down},
		{0, 0, 0, Up},
		{0, 0, 1, Down},
	}
	for _, tt := range tests {
		if got := (Quorum{tt.least, tt.most}).State(tt.count); got != tt.want {
			t.Errorf("%d of %d..%d is %v, want %v", tt.count, tt.least, tt.most, got, tt.want)
		}
	}
}

func TestPattern(t *testing.T) {
	nginx := Process{Comm: "nginx", Command: []string{"nginx: master process /usr/sbin/nginx -c x"}, Exe: "/usr/sbin/nginx"}
	named := Process{Comm: "named", Command: []string{"/usr/sbin/named", "-u", "bind", "-f"}, Exe: "/usr/sbin/named"}
	long := Process{Comm: "a-very-long-nam", Command: []string{"/opt/a-very-long-name-indeed"}}
	renamed := Process{Comm: "worker", Command: []string{"python3", "/srv/app.py"}}
	thread := Process{Comm: "nfsd"}
	tests := []struct {
		name    string
		pattern Pattern
		process Process
		want    bool
	}{
		{"name", Pattern{Name: "nginx"}, nginx, true},
		{"another name", Pattern{Name: "ngin"}, nginx, false},
		{"a longer name", Pattern{Name: "nginxx"}, nginx, false},
		{"a name cut by the kernel", Pattern{Name: "a-very-long-name-indeed"}, long, true},
		{"a name of 15 bytes", Pattern{Name: "a-very-long-nam"}, long, true},
		{"a name of 14 bytes", Pattern{Name: "a-very-long-na"}, long, false},
		{"full, not cut", Pattern{Name: "a-very-long-name-indeed", Full: true}, long, true},
		{"full, too short", Pattern{Name: "a-very-long-nam", Full: true}, long, false},
		{"full, name of a path", Pattern{Name: "named", Full: true}, named, true},
		{"full, whatever the arguments", Pattern{Name: "python3", Full: true}, renamed, true},
		{"full, not the kernel's name", Pattern{Name: "worker", Full: true}, renamed, false},
		{"a thread of the kernel", Pattern{Name: "nfsd"}, thread, true},
		{"a thread has no command line", Pattern{Name: "nfsd", Full: true}, thread, false},
		{"path as started", Pattern{Name: "/usr/sbin/named"}, Process{Comm: "x", Command: named.Command}, true},
		{"path of the file", Pattern{Name: "/usr/sbin/nginx"}, nginx, true},
		{"another path", Pattern{Name: "/usr/local/sbin/nginx"}, nginx, false},
		{"path without command line", Pattern{Name: "/usr/sbin/nfsd"}, thread, false},
		{"exact", Pattern{Name: "named", Args: []string{"-u", "bind", "-f"}, Match: ExactArgs}, named, true},
		{"exact, one too few", Pattern{Name: "named", Args: []string{"-u", "bind"}, Match: ExactArgs}, named, false},
		{"exact, one too many", Pattern{Name: "named", Args: []string{"-u", "bind", "-f", "-g"}, Match: ExactArgs}, named, false},
		{"exact, other order", Pattern{Name: "named", Args: []string{"-f", "-u", "bind"}, Match: ExactArgs}, named, false},
		{"exact, none", Pattern{Name: "named", Match: ExactArgs}, named, false},
		{"exact, none wanted", Pattern{Name: "sleep", Match: ExactArgs}, Process{Comm: "sleep", Command: []string{"sleep"}}, true},
		{"exact, other program", Pattern{Name: "name", Args: []string{"-u", "bind", "-f"}, Match: ExactArgs}, named, false},
		{"partial", Pattern{Name: "named", Args: []string{"-u", "bind"}, Match: PartialArgs}, named, true},
		{"partial, a prefix", Pattern{Name: "named", Args: []string{"-u", "bi"}, Match: PartialArgs}, named, false},
		{"partial, all", Pattern{Name: "named", Args: []string{"-u", "bind", "-f"}, Match: PartialArgs}, named, true},
		{"partial, too many", Pattern{Name: "named", Args: []string{"-u", "bind", "-f", "x"}, Match: PartialArgs}, named, false},
		{"initial", Pattern{Name: "named", Args: []string{"-u", "bi"}, Match: InitialArgs}, named, true},
		{"initial, prefix in the middle", Pattern{Name: "named", Args: []string{"-", "bind"}, Match: InitialArgs}, named, false},
		{"initial, other", Pattern{Name: "named", Args: []string{"-u", "root"}, Match: InitialArgs}, named, false},
	}
	for _, tt := range tests {
		if got := tt.pattern.Matches(&tt.process); got != tt.want {
			t.Errorf("%s: %+v matches %+v is %v, want %v", tt.name, tt.pattern, tt.process, got, tt.want)
		}
	}
}
