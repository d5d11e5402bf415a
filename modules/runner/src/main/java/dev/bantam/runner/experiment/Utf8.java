package dev.bantam.runner.experiment;

import dev.bantam.tensor.BantamException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/** Strict decoding of a file that must be UTF-8 text. */
final class Utf8 {
  private static final char BYTE_ORDER_MARK = '\uFEFF';

  private Utf8() {}

  /**
   * The text without a leading byte order mark.
   *
   * @throws BantamException naming byte offset, line and column of the first malformed byte, or of
   *     the first character that YAML does not allow
   */
  static String decode(byte[] bytes, Problems problems) {
    final CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    final ByteBuffer in = ByteBuffer.wrap(bytes);
    final CharBuffer out = CharBuffer.allocate(bytes.length);
    final CoderResult result = decoder.decode(in, out, true);
    final String text = withoutMark(out.flip().toString());
    if (result.isError()) {
      throw malformed(bytes, in.position(), text, problems);
    }
    refuseControls(text, problems);
    return text;
  }

  private static String withoutMark(String text) {
    return !text.isEmpty() && text.charAt(0) == BYTE_ORDER_MARK ? text.substring(1) : text;
  }

  private static BantamException malformed(
      byte[] bytes, int offset, String before, Problems problems) {
    final int first = Byte.toUnsignedInt(bytes[offset]);
    final boolean wide = offset == 0 && (first == 0xFE || first == 0xFF);
    return problems.fatal(
        endOf(before, problems),
        String.format(
            Locale.ROOT, "the file is not UTF-8: byte 0x%02X at offset %d", first, offset),
        wide
            ? "This looks like UTF-16; save the file as UTF-8."
            : "Save the file as UTF-8 (this looks like another encoding, such as Latin-1).");
  }

  private static void refuseControls(String text, Problems problems) {
    int i = 0;
    while (i < text.length()) {
      final int c = text.codePointAt(i);
      if (!StreamReader.isPrintable(c)) {
        throw problems.fatal(
            endOf(text.substring(0, i), problems),
            String.format(Locale.ROOT, "the character U+%04X is not allowed in a YAML file", c),
            "Delete it, or write it as an escape inside double quotes.");
      }
      i += Character.charCount(c);
    }
  }

  private static Position endOf(String text, Problems problems) {
    final int newline = text.lastIndexOf('\n');
    final int line = 1 + (int) text.chars().filter(c -> c == '\n').count();
    return problems.at(line, 1 + text.codePointCount(newline + 1, text.length()));
  }
}
