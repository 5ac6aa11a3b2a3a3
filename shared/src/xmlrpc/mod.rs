//! XML-RPC (Winer, 1999) to values and back, strict with callers and tolerant of servers of 2004.
