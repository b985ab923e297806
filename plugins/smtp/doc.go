// Package smtp is the check SMTP_CHECK: a mail server is healthy if it greets with 220
// and answers HELO with 250. With starttls it must also accept STARTTLS, complete the
// handshake, and answer EHLO again. QUIT ends the dialogue; the reply to it does not
// count.
//
// With hosts they are checked one after the other, and the first failure is the
// verdict.
package smtp
