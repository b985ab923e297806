// Command binarycheck holds a program to two promises that users rely on: it
// is static, so that it runs on any Linux without a library or a loader, and
// it is no larger than it should be.
//
// It checks files, it does not build them. `make check-binary` drives it.
package main

import (
	"debug/elf"
	"flag"
	"fmt"
	"os"
)

func main() {
	maxMB := flag.Float64("max-mb", 0, "fail when a file is larger, in megabytes of 10^6 bytes; 0 for no limit")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: binarycheck [-max-mb N] FILE...")
		os.Exit(2)
	}
	status := 0
	for _, path := range flag.Args() {
		said, err := check(path, *maxMB)
		if err != nil {
			fmt.Fprintf(os.Stderr, "binarycheck: %s: %v\n", path, err)
			status = 1
			continue
		}
		fmt.Printf("%s: %s\n", path, said)
	}
	os.Exit(status)
}

// check returns one line about the file, or what is wrong with it.
func check(path string, maxMB float64) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	mb := float64(info.Size()) / 1e6
	if maxMB > 0 && mb > maxMB {
		return "", fmt.Errorf("it has %.1f MB, more than %.1f", mb, maxMB)
	}
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("read it as an ELF program: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_INTERP:
			return "", fmt.Errorf("it is dynamic: it asks for a loader")
		case elf.PT_DYNAMIC:
			return "", fmt.Errorf("it is dynamic: it has a dynamic section")
		}
	}
	return fmt.Sprintf("static, %.1f MB", mb), nil
}
