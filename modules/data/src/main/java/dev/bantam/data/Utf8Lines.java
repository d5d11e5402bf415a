package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reads a text file line by line, as strict UTF-8. A line ends with a line feed, or a carriage
 * return and a line feed; a byte order mark at the start of the file is dropped.
 */
final class Utf8Lines {
  private static final char BYTE_ORDER_MARK = '\uFEFF';
  private static final int BUFFER = 1 << 16;

  private Utf8Lines() {}

  /** Receives lines without their ends. */
  interface Sink {
    void line(long number, String text);
  }

  /**
   * Hands over every line; what follows the last line end is a line unless it is empty.
   *
   * @throws BantamException naming the line that is not UTF-8
   */
  static void read(Path file, Sink sink) throws IOException {
    final CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
    final ByteArrayOutputStream pending = new ByteArrayOutputStream();
    final byte[] buffer = new byte[BUFFER];
    long number = 0;
    try (InputStream in = Files.newInputStream(file)) {
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        int from = 0;
        for (int i = 0; i < read; i++) {
          if (buffer[i] == '\n') {
            pending.write(buffer, from, i - from);
            from = i + 1;
            number++;
            sink.line(number, decoded(pending, decoder, file, number));
          }
        }
        pending.write(buffer, from, read - from);
      }
    }
    if (pending.size() > 0) {
      sink.line(number + 1, decoded(pending, decoder, file, number + 1));
    }
  }

  /** Decodes and empties {@code pending}. */
  private static String decoded(
      ByteArrayOutputStream pending, CharsetDecoder decoder, Path file, long number) {
    try {
      String line = decoder.decode(ByteBuffer.wrap(pending.toByteArray())).toString();
      pending.reset();
      if (number == 1 && !line.isEmpty() && line.charAt(0) == BYTE_ORDER_MARK) {
        line = line.substring(1);
      }
      return line.endsWith("\r") ? line.substring(0, line.length() - 1) : line;
    } catch (CharacterCodingException e) {
      throw BantamException.badInput(
          file
              + ", line "
              + number
              + ": not valid UTF-8. Save the file in UTF-8 (for example with"
              + " iconv -t UTF-8) and run again.",
          e);
    }
  }
}
