package dev.bantam.reader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTextTest {
  private static final Place PLACE = Place.of(Path.of("some.json"));

  private static JsonText json(String text) throws PackedModelException {
    return JsonText.of(text.getBytes(StandardCharsets.UTF_8), "the text", PLACE);
  }

  private static void readAll(String text) throws IOException {
    final JsonText json = json(text);
    json.skip();
    json.end();
  }

  /** Valid by RFC 8259, section by section. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[]",
        " [ ] ",
        "\t{\r\n}\n",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "0.25",
        "12e-3",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"é😀\"",
        "[1, [2, {\"a\": [], \"b\": {\"a\": null}}], \"x\"]",
        "\"\u007f\u2028\""
      })
  void readsWhatIsJson(String text) throws IOException {
    readAll(text);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "{",
        "[",
        "\"",
        "{]",
        "[}",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "nul",
        "nulL",
        "tru",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "\u0661",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u\u0661\u0661\u0661\u0661\"",
        "\"a\tb\"",
        "\"a\u0000b\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud800x\"",
        "[1]]",
        "{} {}",
        "1 // one",
        "/* one */ 1",
        "\uFEFF{}",
        "{}\u0000",
        "{}\u00a0",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]"
      })
  void refusesWhatIsNot(String text) {
    final PackedModelException e =
        assertThrows(PackedModelException.class, () -> readAll(text), text);
    assertTrue(e.getMessage().startsWith("some.json: the text is not"), e.getMessage());
    assertTrue(e.getMessage().contains("at character "), e.getMessage());
  }

  @Test
  void refusesWhatIsNotUtf8() {
    for (final byte[] bytes :
        new byte[][] {{'"', (byte) 0xff, '"'}, {'"', (byte) 0xc0, (byte) 0x80, '"'}}) {
      final PackedModelException e =
          assertThrows(
              PackedModelException.class, () -> JsonText.of(bytes, "the text", PLACE).skip());
      assertEquals("some.json: the text is not UTF-8", e.getMessage());
    }
  }

  @Test
  void nestingHasABound() throws IOException {
    readAll("[".repeat(JsonText.DEEPEST) + "]".repeat(JsonText.DEEPEST));
    for (final String bomb :
        new String[] {
          "[".repeat(JsonText.DEEPEST + 1) + "]".repeat(JsonText.DEEPEST + 1),
          "[".repeat(5_000_000),
          "{\"a\":".repeat(1_000_000)
        }) {
      final PackedModelException e = assertThrows(PackedModelException.class, () -> readAll(bomb));
      assertTrue(e.getMessage().contains("64 brackets"), e.getMessage());
    }
    // brackets beside each other are not nested
    readAll("[" + "[],".repeat(1000) + "{}]");
  }

  @Test
  void escapesAreResolved() throws IOException {
    assertEquals(
        "é😀\"\\/\b\f\n\r\t\u0000",
        json("\"\\u00E9\\uD83D\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\"").text());
  }

  @ParameterizedTest
  @CsvSource({"0,0", "7,7", "9223372036854775807,9223372036854775807"})
  void countsAreRead(String text, long expected) throws IOException {
    assertEquals(expected, json(text).count());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"-1", "-0", "2.0", "1e3", "9223372036854775808", "99999999999999999999", "\"1\""})
  void countsAreNotNegativeAndWhole(String text) {
    final PackedModelException e =
        assertThrows(PackedModelException.class, () -> json(text).count());
    assertTrue(e.getMessage().contains("at character 0"), e.getMessage());
  }

  @Test
  void membersComeInTheirOrder() throws IOException {
    final StringBuilder seen = new StringBuilder();
    final JsonText json = json("{\"z\":1,\"a\":[2,3],\"m\":null}");
    json.object(
        name -> {
          seen.append(name);
          switch (name) {
            case "z" -> seen.append(json.count());
            case "a" -> json.array(() -> seen.append(json.count()));
            default -> seen.append(json.takeNull());
          }
        });
    json.end();
    assertEquals("z1a23mtrue", seen.toString());
  }
}
