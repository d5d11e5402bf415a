package dev.bantam.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against the Hugging Face tokenizers library 0.23.3 in Python. */
class HuggingFaceTokenizerTest {
  private static final int LONG = 100_000;

  private static HuggingFaceTokenizer load(String name) throws IOException {
    final Path file = Cases.folder("tokenizers/" + name).resolve("tokenizer.json");
    return new HuggingFaceTokenizer(file.toString(), Files.readAllBytes(file));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wordpiece-uncased",
        "wordpiece-cased",
        "wordpiece-odd-settings",
        "byte-bpe-roberta",
        "byte-bpe-prefix-space",
        "byte-bpe-modernbert",
        "unigram-albert",
        "unigram-xlmr",
        "unigram-xlmr-old"
      })
  void singleTextsAndOffsets(String name) throws IOException {
    final HuggingFaceTokenizer tokenizer = load(name);
    int rows = 0;
    for (final JsonNode row : Cases.lines(Cases.folder("tokenizers/" + name + "/single.jsonl"))) {
      checkSingle(tokenizer, row);
      rows++;
    }
    assertTrue(rows > 80, rows + " rows");
  }

  static void checkSingle(HuggingFaceTokenizer tokenizer, JsonNode row) {
    final String text = row.path("text").textValue();
    final Encoding encoding = tokenizer.encode(text, LONG);
    assertArrayEquals(Cases.ints(row.path("ids")), encoding.ids(), text);
    assertArrayEquals(new int[encoding.length()], encoding.typeIds(), text);
    final JsonNode offsets =
        row.has("offsets_utf16") ? row.get("offsets_utf16") : row.get("offsets");
    if (offsets != null) {
      final AlignedEncoding aligned = tokenizer.encodeAligned(text, LONG);
      for (int i = 0; i < encoding.length(); i++) {
        final String where = text + " token " + i;
        assertEquals(offsets.get(i).get(0).intValue(), aligned.begin()[i], where);
        assertEquals(offsets.get(i).get(1).intValue(), aligned.end()[i], where);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wordpiece-uncased",
        "wordpiece-cased",
        "wordpiece-odd-settings",
        "byte-bpe-roberta",
        "byte-bpe-prefix-space",
        "byte-bpe-modernbert",
        "unigram-albert",
        "unigram-xlmr",
        "unigram-xlmr-old"
      })
  void pairs(String name) throws IOException {
    final HuggingFaceTokenizer tokenizer = load(name);
    int rows = 0;
    for (final JsonNode row : Cases.lines(Cases.folder("tokenizers/" + name + "/pairs.jsonl"))) {
      checkPair(tokenizer, row, LONG);
      rows++;
    }
    assertTrue(rows > 10, rows + " rows");
  }

  static void checkPair(HuggingFaceTokenizer tokenizer, JsonNode row, int maxLength) {
    final String first = row.path("text").textValue();
    final String second = row.path("pair").textValue();
    final Encoding encoding = tokenizer.encodePair(first, second, maxLength);
    assertArrayEquals(Cases.ints(row.path("ids")), encoding.ids(), first + " | " + second);
    assertArrayEquals(Cases.ints(row.path("type_ids")), encoding.typeIds(), first);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "wordpiece-uncased",
        "wordpiece-cased",
        "wordpiece-odd-settings",
        "byte-bpe-roberta",
        "byte-bpe-prefix-space",
        "byte-bpe-modernbert",
        "unigram-albert",
        "unigram-xlmr",
        "unigram-xlmr-old"
      })
  void truncatesLongestFirst(String name) throws IOException {
    checkTruncation(load(name), Cases.folder("tokenizers/" + name + "/truncation.jsonl"));
  }

  static void checkTruncation(HuggingFaceTokenizer tokenizer, Path file) {
    int rows = 0;
    for (final JsonNode row : Cases.lines(file)) {
      // the stride only makes further windows; the first one is what we give
      if (row.path("strategy").asText().equals("longest_first")
          && row.path("direction").asText().equals("right")
          && !row.has("error")) {
        final int maxLength = row.path("max_length").intValue();
        if (row.path("pair").isTextual()) {
          checkPair(tokenizer, row, maxLength);
        } else {
          assertArrayEquals(
              Cases.ints(row.path("ids")),
              tokenizer.encode(row.path("text").textValue(), maxLength).ids(),
              row.toString());
        }
        rows++;
      }
    }
    assertTrue(rows >= 30, rows + " rows");
  }

  /** Every pair of lengths against the native library's own truncation. */
  @Test
  void truncatesPairsAsTheNativeLibrary() throws IOException {
    final HuggingFaceTokenizer ours = load("wordpiece-uncased");
    final Path file = Cases.folder("tokenizers/wordpiece-uncased/tokenizer.json");
    int checked = 0;
    for (int max = 3; max <= 12; max++) {
      try (var native0 =
          ai.djl.huggingface.tokenizers.HuggingFaceTokenizer.newInstance(
              file, Map.of("truncation", "LONGEST_FIRST", "maxLength", Integer.toString(max)))) {
        for (int a = 0; a < 9; a++) {
          for (int b = 0; b < 9; b++) {
            final String first = "a b c d e f g h".substring(0, Math.max(0, 2 * a - 1));
            final String second = "h g f e d c b a".substring(0, Math.max(0, 2 * b - 1));
            assertArrayEquals(
                native0.encode(first, second).getIds(),
                IntStream.of(ours.encodePair(first, second, max).ids()).asLongStream().toArray(),
                a + " + " + b + " in " + max);
            checked++;
          }
        }
      }
    }
    assertEquals(810, checked);
  }

  @Test
  void ignoresTruncationAndPaddingOfTheFile() throws IOException {
    final Path file =
        Cases.folder("encoders/sentence-encoder-mean/model").resolve("tokenizer.json");
    assertEquals(7, Cases.json(file).path("truncation").path("max_length").intValue());
    final HuggingFaceTokenizer tokenizer = new HuggingFaceTokenizer("t", Files.readAllBytes(file));
    assertEquals(2, tokenizer.encode("", 12).length());
    assertTrue(tokenizer.encode("the film was bad the film was bad", 12).length() > 7);
    assertArrayEquals(Files.readAllBytes(file), tokenizer.file());
  }

  @Test
  void loneSurrogatesAndControlCharactersDoNotHarm() throws IOException {
    final HuggingFaceTokenizer tokenizer = load("wordpiece-uncased");
    final int[] cat = tokenizer.encode("a", 9).ids();
    assertArrayEquals(cat, tokenizer.encode("a\ud800", 9).ids());
    assertArrayEquals(cat, tokenizer.encode("\udc00a\u0000", 9).ids());
  }

  @Test
  void refusesTooShortALength() throws IOException {
    final HuggingFaceTokenizer tokenizer = load("wordpiece-uncased");
    assertThrows(IllegalArgumentException.class, () -> tokenizer.encode("a", 1));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.encodePair("a", "b", 2));
    assertEquals(2, tokenizer.encode("a b c", 2).length());
  }

  @Test
  void refusesWhatIsNoTokenizer() {
    Cases.refused(() -> new HuggingFaceTokenizer("x.json", bytes("{")), "x.json", "JSON");
    Cases.refused(() -> new HuggingFaceTokenizer("x.json", bytes("{}")), "'model'");
    Cases.refused(
        () -> new HuggingFaceTokenizer("x.json", bytes("{\"model\":{\"type\":\"Nothing\"}}")),
        "x.json");
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void theNativeLibraryStaysOffline() throws IOException {
    load("wordpiece-cased");
    assertEquals("true", System.getProperty("ai.djl.offline"));
    assertEquals("true", System.getProperty("OPT_OUT_TRACKING"));
  }

  /** The library would end the process at the first, and complain in the middle of a run later. */
  @Test
  void filesThatFailOnlyWhenATextComesAreRefusedAtOnce() throws IOException {
    final Path file = Cases.folder("tokenizers/wordpiece-uncased").resolve("tokenizer.json");
    final JsonNode json = Cases.json(file);
    final var piece = (ObjectNode) json.path("post_processor").path("pair").get(0);
    ((ObjectNode) piece.path("SpecialToken")).put("id", "[GONE]");
    Cases.refused(
        () -> new HuggingFaceTokenizer("t.json", bytes(json)), "t.json", "'[GONE]'", "'pair'");
    final JsonNode unknown = Cases.json(file);
    ((ObjectNode) unknown.path("model")).put("unk_token", "[NONE]");
    Cases.refused(() -> new HuggingFaceTokenizer("t.json", bytes(unknown)), "t.json", "UNK");
  }

  private static byte[] bytes(JsonNode json) {
    return json.toString().getBytes(StandardCharsets.UTF_8);
  }
}
