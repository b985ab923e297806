// Package http is the checks HTTP_GET and SSL_GET: each URL of a check is asked
// for, in turn, and its answer must have the right status, and where that is
// asked for the right MD5 sum, text, and value of JSON.
//
// The requests are keepalived's, byte by byte. A run asks for every URL; the
// first one that is not right is the verdict. keepalived asks for one a run, so
// that a fault of the last of five is seen five delay_loops later. How many runs it
// takes to return, which fast_recovery is about, is decided elsewhere.
//
// The answer is read by a reader of this package, because package net/http
// spends several times as much on a connection that lives for one request.
// HTTP/2 goes through net/http. A body of any length is read in constant
// memory, within the time that the check has: redirects are not followed, a
// body that ends too early is a failure, and one without end is, too.
package http
