package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is an io_uring: operations on sockets that the kernel carries out some hundred at
// a time. In a guest of User-Mode Linux a system call costs some 30 µs, twice as much if
// the runtime is told of it, and a connection takes ten of them.
//
// One thread may use it. What operations point to must be on the heap, and be held by
// somebody until they are done.
type ring struct {
	file           int
	memory, table  []byte
	sqTail, sqMask *uint32
	cqHead, cqTail *uint32
	cqMask         uint32
	sqes           []sqe
	cqes           []cqe
	// queued are operations that the kernel does not know of yet.
	queued uint32
	// limit is how long enter waits; the kernel reads it by way of wait.
	limit unix.Timespec
	wait  enterArgument
}

// sqe and cqe are struct io_uring_sqe and io_uring_cqe.
type sqe struct {
	op, flags uint8
	options   uint16
	file      int32
	offset    uint64
	address   uintptr
	length    uint32
	more      uint32 // flags of the operation
	user      uint64
	_         [24]byte
}

type cqe struct {
	user   uint64
	result int32
	flags  uint32
}

// enterArgument is struct io_uring_getevents_arg.
type enterArgument struct {
	_     uint64
	_     uint64
	limit uintptr
}

// Of linux/io_uring.h.
const (
	opAccept, opCancel, opConnect, opClose, opSend, opRecv, opSocket = 13, 14, 16, 19, 26, 27, 45

	linked, quiet = 1 << 2, 1 << 6 // IOSQE_IO_LINK, IOSQE_CQE_SKIP_SUCCESS

	acceptMany, moreComes = 1, 1 << 1 // IORING_ACCEPT_MULTISHOT, IORING_CQE_F_MORE

	enterGet, enterTimed = 1, 1 << 3 // IORING_ENTER_GETEVENTS, IORING_ENTER_EXT_ARG
)

const ringSize = 1024

// newRing makes one for the calling thread, which stays the only one.
func newRing() (*ring, error) {
	const ringAt, entriesAt = 0, 0x1000_0000                 // IORING_OFF_SQ_RING, IORING_OFF_SQES
	const sized, deferred, single = 1 << 3, 1 << 13, 1 << 12 // IORING_SETUP_...
	var p struct {
		sqSize, cqSize, flags, _, _, features, _, _, _, _             uint32
		sqHead, sqTail, sqMask, sqEntries, sqFlags, dropped, array, _ uint32
		_                                                             uint64
		cqHead, cqTail, cqMask, cqEntries, overflow, cqes, _, _       uint32
		_                                                             uint64
	}
	p.flags, p.cqSize = sized|single|deferred, 8*ringSize
	file, _, errno := unix.RawSyscall(unix.SYS_IO_URING_SETUP, ringSize, uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("make an io_uring, for much load at little cost: %w", errno)
	}
	r := &ring{file: int(file)}
	var err error
	size := max(p.cqes+p.cqSize*uint32(unsafe.Sizeof(cqe{})), p.array+4*p.sqSize)
	r.memory, err = unix.Mmap(r.file, ringAt, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map an io_uring: %w", err)
	}
	r.table, err = unix.Mmap(r.file, entriesAt, int(p.sqSize)*int(unsafe.Sizeof(sqe{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("map an io_uring: %w", err)
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.memory[offset])) }
	r.sqTail, r.sqMask, r.cqHead, r.cqTail, r.cqMask = at(p.sqTail), at(p.sqMask), at(p.cqHead), at(p.cqTail), *at(p.cqMask)
	r.sqes = unsafe.Slice((*sqe)(unsafe.Pointer(&r.table[0])), p.sqSize)
	r.cqes = unsafe.Slice((*cqe)(unsafe.Pointer(&r.memory[p.cqes])), p.cqSize)
	order := unsafe.Slice(at(p.array), p.sqSize)
	for i := range order {
		order[i] = uint32(i)
	}
	r.wait.limit = uintptr(unsafe.Pointer(&r.limit))
	return r, nil
}

func (r *ring) close() error {
	return errors.Join(unix.Close(r.file), unix.Munmap(r.memory), unix.Munmap(r.table))
}

// put queues operations, of which all but the last may be linked to the next.
func (r *ring) put(list ...sqe) error {
	for int(r.queued)+len(list) > len(r.sqes) {
		if err := r.enter(0); err != nil {
			return err
		}
	}
	tail := atomic.LoadUint32(r.sqTail)
	for _, e := range list {
		r.sqes[tail&*r.sqMask] = e
		tail++
	}
	atomic.StoreUint32(r.sqTail, tail)
	r.queued += uint32(len(list))
	return nil
}

// enter gives the kernel what is queued, and waits for something to be done, for so
// long at most.
//
// The runtime is not told, as it would look after the thread often then.
func (r *ring) enter(limit time.Duration) error {
	least := uintptr(0)
	if limit > 0 {
		least, r.limit = 1, unix.NsecToTimespec(limit.Nanoseconds())
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.file), uintptr(r.queued), least, enterGet|enterTimed, uintptr(unsafe.Pointer(&r.wait)), unsafe.Sizeof(r.wait))
	switch errno {
	case 0:
		r.queued -= uint32(n)
	case unix.ETIME, unix.EINTR: // nothing was queued, or it is still
	default:
		return fmt.Errorf("enter io_uring: %w", errno)
	}
	return nil
}

// take calls f with all that is done.
func (r *ring) take(f func(cqe) error) error {
	head, tail := atomic.LoadUint32(r.cqHead), atomic.LoadUint32(r.cqTail)
	for ; head != tail; head++ {
		e := r.cqes[head&r.cqMask]
		atomic.StoreUint32(r.cqHead, head+1)
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}
