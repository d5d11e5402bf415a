package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.runner.Main;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What one line of a benchmark measures.
 *
 * @param name as on the command line
 * @param sentences sentences of a batch; 0 for real text
 * @param tokens tokens of each sentence; 0 for real text
 */
record BenchCase(String name, int sentences, int tokens) {
  static final String REAL_TEXT = "real-text";

  private static final Pattern SHAPE = Pattern.compile("([1-9][0-9]{0,3})x([1-9][0-9]{0,3})");

  /** A prime beyond the vocabularies' structure: neighbouring tokens get rows far apart. */
  private static final long STRIDE = 7919;

  static BenchCase parse(String text) {
    if (text.equals(REAL_TEXT)) {
      return new BenchCase(text, 0, 0);
    }
    final Matcher matcher = SHAPE.matcher(text);
    if (!matcher.matches()) {
      throw Main.usage(
          "There is no case '"
              + text
              + "'. A case is SENTENCESxTOKENS, e.g. 32x128, or "
              + REAL_TEXT
              + ".");
    }
    return new BenchCase(
        text, Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  boolean realText() {
    return sentences == 0;
  }

  /** Sentences of equal length whose tokens are spread over the vocabulary. */
  List<Encoding> encodings(Architecture architecture) {
    if (tokens > architecture.positions()) {
      throw Main.usage(
          "Case " + name + ": the model takes up to " + architecture.positions() + " tokens.");
    }
    final List<Encoding> encodings = new ArrayList<>();
    for (int s = 0; s < sentences; s++) {
      final int[] ids = new int[tokens];
      for (int t = 0; t < tokens; t++) {
        ids[t] = (int) (((long) s * tokens + t) * STRIDE % architecture.vocabularySize());
      }
      encodings.add(new Encoding(ids, new int[tokens]));
    }
    return encodings;
  }
}
