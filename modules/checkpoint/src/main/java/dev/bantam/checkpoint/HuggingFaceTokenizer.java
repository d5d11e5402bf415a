package dev.bantam.checkpoint;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import com.fasterxml.jackson.databind.JsonNode;
import dev.bantam.tensor.BantamException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The Hugging Face tokenizers library, through DJL. The native library lies in DJL's jar and never
 * comes from the network.
 *
 * <p>Truncation is done here and not by the library, because there it is a setting of the shared
 * native object and not of a call.
 */
final class HuggingFaceTokenizer implements AlignedTokenizer {
  /** A word, one that hardly any vocabulary has, and whatever is no letter. */
  private static final String PROBE = "word \u16a0\u16a0, \u6771 \ud83d\ude00 1.";

  private final byte[] file;
  private final int largestId;
  private final ai.djl.huggingface.tokenizers.HuggingFaceTokenizer library;

  /**
   * Loads a tokenizer.
   *
   * @param name what to call the file in messages
   * @param file the bytes of tokenizer.json
   * @throws BantamException (bad input) if the library refuses the file
   */
  HuggingFaceTokenizer(String name, byte[] file) {
    this.file = file.clone();
    final JsonNode json = JsonObject.tree(name, file);
    if (!json.path("model").isObject()) {
      throw BantamException.badInput(
          name + ": key 'model' is missing; is it a tokenizer.json of Hugging Face?");
    }
    checkTemplates(name, json.path("post_processor"));
    largestId = largestId(json);
    stayOffline();
    try {
      library =
          ai.djl.huggingface.tokenizers.HuggingFaceTokenizer.newInstance(
              new ByteArrayInputStream(file), Map.of("truncation", "false", "padding", "false"));
      // some files are found wrong only when a text comes
      library.encode(PROBE, PROBE, true, false);
    } catch (IOException | RuntimeException e) { // the native library throws its own kinds
      throw BantamException.badInput(
          name + " is not a tokenizer that the tokenizers library reads: " + e.getMessage(), e);
    }
  }

  /**
   * DJL counts its users over the network and, on a machine with a GPU, prefers to download another
   * build of the library; both stop in its offline mode.
   */
  private static void stayOffline() {
    for (final String property : new String[] {"ai.djl.offline", "OPT_OUT_TRACKING"}) {
      if (System.getProperty(property) == null) {
        System.setProperty(property, "true");
      }
    }
  }

  /**
   * A template may name only the special tokens that it lists: the library ends the whole process
   * when it meets another.
   */
  private static void checkTemplates(String name, JsonNode processor) {
    processor.path("processors").forEach(inner -> checkTemplates(name, inner));
    final JsonNode known = processor.path("special_tokens");
    for (final String template : List.of("single", "pair")) {
      for (final JsonNode piece : processor.path(template)) {
        final JsonNode id = piece.path("SpecialToken").path("id");
        if (!id.isMissingNode() && !known.has(id.asText())) {
          throw BantamException.badInput(
              name
                  + ": key 'post_processor' names the special token '"
                  + id.asText()
                  + "' under '"
                  + template
                  + "' and does not list it under 'special_tokens'.");
        }
      }
    }
  }

  private static int largestId(JsonNode json) {
    final JsonNode vocabulary = json.path("model").path("vocab");
    int largest = vocabulary.isArray() ? vocabulary.size() - 1 : -1; // a list counts from 0
    if (vocabulary.isObject()) {
      for (final JsonNode id : vocabulary) {
        largest = Math.max(largest, id.asInt());
      }
    }
    for (final JsonNode added : json.path("added_tokens")) {
      largest = Math.max(largest, added.path("id").asInt());
    }
    return largest;
  }

  /** The largest id that can come out; a model needs as many word embeddings and one more. */
  int largestId() {
    return largestId;
  }

  @Override
  public Encoding encode(String text, int maxLength) {
    final var whole = library.encode(wellFormed(text), true, false);
    final long[] sequence = whole.getSequenceIds();
    final int[] kept = kept(sequence, content(sequence, 0), 0, maxLength);
    return gather(whole, kept);
  }

  @Override
  public Encoding encodePair(String first, String second, int maxLength) {
    final var whole = library.encode(wellFormed(first), wellFormed(second), true, false);
    final long[] sequence = whole.getSequenceIds();
    final int[] kept = kept(sequence, content(sequence, 0), content(sequence, 1), maxLength);
    return gather(whole, kept);
  }

  @Override
  public AlignedEncoding encodeAligned(String text, int maxLength) {
    final String clean = wellFormed(text);
    final var whole = library.encode(clean, true, false);
    final long[] sequence = whole.getSequenceIds();
    final int[] kept = kept(sequence, content(sequence, 0), 0, maxLength);
    final CharSpan[] spans = whole.getCharTokenSpans();
    final int[] index = utf16Index(clean);
    final int[] begin = new int[kept.length];
    final int[] end = new int[kept.length];
    for (int i = 0; i < kept.length; i++) {
      final CharSpan span = spans[kept[i]];
      if (span != null && sequence[kept[i]] >= 0) {
        begin[i] = index[span.getStart()];
        end[i] = index[span.getEnd()];
      }
    }
    return new AlignedEncoding(gather(whole, kept), begin, end);
  }

  @Override
  public byte[] file() {
    return file.clone();
  }

  /** The library takes UTF-8, which has no lone surrogates. */
  private static String wellFormed(String text) {
    Objects.requireNonNull(text, "text");
    StringBuilder fixed = null;
    for (int i = 0; i < text.length(); i++) {
      final char c = text.charAt(i);
      if (!Character.isSurrogate(c)) {
        continue;
      }
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
        continue;
      }
      if (fixed == null) {
        fixed = new StringBuilder(text);
      }
      fixed.setCharAt(i, '\uFFFD');
    }
    return fixed == null ? text : fixed.toString();
  }

  /** UTF-16 index of each code point, and the text's length at the end. */
  private static int[] utf16Index(String text) {
    final int points = text.codePointCount(0, text.length());
    final int[] index = new int[points + 1];
    for (int p = 0, i = 0; p <= points; p++) {
      index[p] = i;
      if (p < points) {
        i += Character.charCount(text.codePointAt(i));
      }
    }
    return index;
  }

  private static int content(long[] sequence, int which) {
    int count = 0;
    for (final long s : sequence) {
      if (s == which) {
        count++;
      }
    }
    return count;
  }

  /**
   * Indices of the tokens that stay. With a budget k for the n tokens of both texts, longest-first
   * as in the library: if the shorter text has at most floor(k/2) tokens it stays whole, else it
   * keeps floor(k/2) and the longer one (the second on equal lengths) keeps ceil(k/2). The end of a
   * text goes, special tokens stay.
   */
  private static int[] kept(long[] sequence, int first, int second, int maxLength) {
    final int special = sequence.length - first - second;
    final int budget = maxLength - special;
    if (budget < 0) {
      throw new IllegalArgumentException(
          "A length of " + maxLength + " does not hold the " + special + " special tokens");
    }
    int keepFirst = first;
    int keepSecond = second;
    if (first + second > budget) {
      final int shorter = Math.min(Math.min(first, second), budget / 2);
      final int longer = budget - shorter;
      keepFirst = first > second ? longer : shorter;
      keepSecond = first > second ? shorter : longer;
    }
    final int[] kept = new int[special + keepFirst + keepSecond];
    int at = 0;
    for (int i = 0; i < sequence.length; i++) {
      if (sequence[i] < 0
          || (sequence[i] == 0 && keepFirst-- > 0)
          || (sequence[i] == 1 && keepSecond-- > 0)) {
        kept[at++] = i;
      }
    }
    return kept;
  }

  private static Encoding gather(ai.djl.huggingface.tokenizers.Encoding whole, int[] kept) {
    final long[] ids = whole.getIds();
    final long[] types = whole.getTypeIds();
    final int[] keptIds = new int[kept.length];
    final int[] keptTypes = new int[kept.length];
    for (int i = 0; i < kept.length; i++) {
      keptIds[i] = Math.toIntExact(ids[kept[i]]);
      keptTypes[i] = Math.toIntExact(types[kept[i]]);
    }
    return new Encoding(keptIds, keptTypes);
  }
}
