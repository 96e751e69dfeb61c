/** What the resolvers of a stack have done, and what came to them that they did not take. */
export class DnsCounters {
  /** Messages that were sent, over UDP and over TCP. */
  queries = 0;
  tcpQueries = 0;
  /** Questions that were asked once more, of the same or of another server. */
  retries = 0;
  timeouts = 0;
  /** Answers over UDP that were cut, so that the question went over TCP. */
  truncated = 0;
  /** Questions that joined one that was under way. */
  joined = 0;
  /** Questions that were refused, as too many were under way. */
  refused = 0;
  cacheHits = 0;
  negativeHits = 0;
  cacheMisses = 0;
  cacheEvictions = 0;
  /** Dropped messages: too short or no answer, another number, another question, the name in other letters, not to be read. */
  droppedNoAnswer = 0;
  droppedWrongId = 0;
  droppedWrongQuestion = 0;
  droppedWrongCase = 0;
  droppedMalformed = 0;
}
