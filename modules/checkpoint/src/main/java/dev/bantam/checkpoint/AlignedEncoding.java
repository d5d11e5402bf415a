package dev.bantam.checkpoint;

import java.util.Objects;

/**
 * An encoding of one text and the place of each token in it. The arrays are owned by the encoding;
 * callers do not modify them.
 *
 * @param encoding the tokens
 * @param begin first UTF-16 index of each token in the text; 0 for a special token
 * @param end index after the last one; equal to {@code begin} for a special token, and for a blank
 *     of its own where the tokenizer cuts blanks off
 */
@SuppressWarnings("ArrayRecordComponent") // written once by the tokenizer
public record AlignedEncoding(Encoding encoding, int[] begin, int[] end) {
  public AlignedEncoding {
    Objects.requireNonNull(encoding, "encoding");
    if (begin.length != encoding.length() || end.length != encoding.length()) {
      throw new IllegalArgumentException("Spans and tokens differ in number");
    }
  }
}
