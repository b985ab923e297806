// Package smtp is the check SMTP_CHECK: a mail server is well that greets with
// 220 and answers HELO with 250. With starttls it must also take STARTTLS, shake
// hands, and answer EHLO again. QUIT ends the dialogue; what the server says to
// it is not judged.
//
// With hosts each of them is asked in turn, and the first that is not well is
// the verdict.
package smtp
