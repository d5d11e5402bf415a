package dev.bantam.reader;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * A JSON text (RFC 8259), read from front to back by whoever knows what should be there.
 *
 * <p>Stricter than the RFC where two readers could understand different things: equal names in one
 * object, half surrogate pairs, bytes that are not UTF-8 and anything after the value are refused,
 * and so is nesting beyond {@link #DEEPEST}. No tree is built, so that a text takes no more memory
 * than what is kept of it.
 */
final class JsonText {
  static final int DEEPEST = 64;

  /** Reads the value of a member, exactly one. */
  @FunctionalInterface
  interface Member {
    void read(String name) throws IOException;
  }

  /** Reads an element, exactly one value. */
  @FunctionalInterface
  interface Element {
    void read() throws IOException;
  }

  private final CharSequence text;
  private final String what;
  private final Place place;
  private int at;
  private int depth;

  private JsonText(CharSequence text, String what, Place place) {
    this.text = text;
    this.what = what;
    this.place = place;
  }

  /**
   * @param what what the text is, for messages: "the header"
   */
  static JsonText of(byte[] utf8, String what, Place place) throws PackedModelException {
    try {
      return new JsonText(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)), what, place);
    } catch (CharacterCodingException e) {
      final PackedModelException refused = place.refuse("%s is not UTF-8", what);
      refused.initCause(e);
      throw refused;
    }
  }

  static JsonText of(String text, String what, Place place) {
    return new JsonText(text, what, place);
  }

  /** Reads an object; members come in the order of the text. */
  void object(Member member) throws IOException {
    open('{', "an object");
    if (!take('}')) {
      final Set<String> names = new HashSet<>();
      do {
        final String name = text();
        if (!names.add(name)) {
          throw refuse("the name '%s' comes twice in one object", name);
        }
        expect(':');
        member.read(name);
      } while (take(','));
      expect('}');
    }
    depth--;
  }

  void array(Element element) throws IOException {
    open('[', "an array");
    if (!take(']')) {
      do {
        element.read();
      } while (take(','));
      expect(']');
    }
    depth--;
  }

  /** Reads a string. */
  String text() throws PackedModelException {
    blanks();
    if (peek() != '"') {
      throw refuse("a string should stand here");
    }
    at++;
    final StringBuilder value = new StringBuilder();
    for (char c = next(); c != '"'; c = next()) {
      if (c < 0x20) {
        throw refuse("a control character in a string has to be escaped");
      }
      value.append(c == '\\' ? escaped() : c);
    }
    checkPairs(value);
    return value.toString();
  }

  /** Reads an integer from 0 to 2^63 - 1, written without sign, fraction and exponent. */
  long count() throws PackedModelException {
    blanks();
    final int from = at;
    final String number = number();
    if (!number.chars().allMatch(c -> c >= '0' && c <= '9')) {
      at = from;
      throw refuse("an integer that is not negative should stand here, and it is %s", number);
    }
    try {
      return Long.parseLong(number);
    } catch (NumberFormatException e) {
      at = from;
      final PackedModelException refused = refuse("%s is beyond 64 bits", number);
      refused.initCause(e);
      throw refused;
    }
  }

  /** Whether null comes next; it is read if so. */
  boolean takeNull() throws PackedModelException {
    blanks();
    if (peek() != 'n') {
      return false;
    }
    word("null");
    return true;
  }

  /** Reads any value and forgets it. */
  void skip() throws IOException {
    blanks();
    switch (peek()) {
      case '{' -> object(name -> skip());
      case '[' -> array(this::skip);
      case '"' -> text();
      case 't' -> word("true");
      case 'f' -> word("false");
      case 'n' -> word("null");
      default -> number();
    }
  }

  /** Checks that nothing follows but blanks. */
  void end() throws PackedModelException {
    blanks();
    if (at < text.length()) {
      throw refuse("something follows the value");
    }
  }

  private void open(char bracket, String kind) throws PackedModelException {
    blanks();
    if (peek() != bracket) {
      throw refuse("%s should stand here", kind);
    }
    if (++depth > DEEPEST) {
      throw refuse("more than %d brackets are open at once", DEEPEST);
    }
    at++;
  }

  private char escaped() throws PackedModelException {
    final char c = next();
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> {
        int unit = 0;
        for (int i = 0; i < 4; i++) {
          final char hex = next();
          // Character.digit alone takes the digits of every script
          final int digit = hex < 0x80 ? Character.digit(hex, 16) : -1;
          if (digit < 0) {
            throw refuse("\\u needs four hexadecimal digits");
          }
          unit = unit << 4 | digit;
        }
        yield (char) unit;
      }
      default -> throw refuse("there is no escape \\%c", c);
    };
  }

  private void checkPairs(CharSequence value) throws PackedModelException {
    for (int i = 0; i < value.length(); i++) {
      if (Character.isSurrogate(value.charAt(i))) {
        if (i + 1 == value.length()
            || !Character.isSurrogatePair(value.charAt(i), value.charAt(i + 1))) {
          throw refuse("a string holds half of a surrogate pair");
        }
        i++;
      }
    }
  }

  /** {@code -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?}, as it is written. */
  private String number() throws PackedModelException {
    final int from = at;
    if (peek() == '-') {
      at++;
    }
    if (peek() == '0') {
      at++;
    } else {
      digits();
    }
    if (peek() == '.') {
      at++;
      digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      at++;
      if (peek() == '+' || peek() == '-') {
        at++;
      }
      digits();
    }
    return text.subSequence(from, at).toString();
  }

  private void digits() throws PackedModelException {
    final int from = at;
    while (peek() >= '0' && peek() <= '9') {
      at++;
    }
    if (at == from) {
      throw refuse("a value should stand here");
    }
  }

  private void word(String word) throws PackedModelException {
    for (int i = 0; i < word.length(); i++) {
      if (next() != word.charAt(i)) {
        throw refuse("a value should stand here");
      }
    }
  }

  private boolean take(char c) {
    blanks();
    if (peek() != c) {
      return false;
    }
    at++;
    return true;
  }

  private void expect(char c) throws PackedModelException {
    if (!take(c)) {
      throw refuse("'%c' should stand here", c);
    }
  }

  private void blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') {
      at++;
    }
  }

  /** The next character, or -1 at the end. */
  private int peek() {
    return at < text.length() ? text.charAt(at) : -1;
  }

  private char next() throws PackedModelException {
    if (at == text.length()) {
      throw refuse("the text ends too early");
    }
    return text.charAt(at++);
  }

  /** A message that says where in the text the reader stands. */
  PackedModelException refuse(String format, Object... values) {
    return place.refuse(
        "%s is not the JSON that it should be, at character %d: %s",
        what, at, String.format(Locale.ROOT, format, values));
  }
}
