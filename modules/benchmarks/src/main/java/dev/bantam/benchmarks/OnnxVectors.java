package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.Correlation;
import dev.bantam.data.Example;
import dev.bantam.data.Metric;
import dev.bantam.data.Retrieval;
import dev.bantam.data.Score;
import dev.bantam.data.SentenceVectors;
import dev.bantam.data.Tokenized;
import dev.bantam.data.TokenizedExample;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Sentence vectors of pairs of texts, and what they score. Texts go through ONNX Runtime one at a
 * time, as programs embed a query; a vector is the mean over the tokens' last hidden states.
 */
final class OnnxVectors {
  private final List<Example> pairs;
  private final List<Encoding> texts;
  private final Map<OnnxFile, SentenceVectors> vectors = new EnumMap<>(OnnxFile.class);

  /**
   * @param model has a tokenizer
   * @param pairs at least two
   */
  OnnxVectors(Checkpoint model, List<Example> pairs) {
    this.pairs = List.copyOf(pairs);
    this.texts =
        Tokenized.of(
                model.tokenizer().orElseThrow(),
                pairs.stream()
                    .flatMap(p -> Stream.of(p.text(), p.pair()).map(Example::unlabelled))
                    .toList(),
                model.maxLength())
            .stream()
            .map(TokenizedExample::encoding)
            .toList();
  }

  /**
   * The vectors of the first text of pair 0, its second, the first of pair 1, ...; computed once.
   *
   * @param encoder runs the file
   */
  SentenceVectors of(OnnxFile file, OnnxRuntimeEncoder encoder, Progress progress) {
    return vectors.computeIfAbsent(
        file, f -> compute(encoder, "Vectors of " + texts.size() + " texts, file " + f, progress));
  }

  private SentenceVectors compute(OnnxRuntimeEncoder encoder, String what, Progress progress) {
    final float[][] rows = new float[texts.size()][];
    try (Progress.Bar bar = progress.start(what, rows.length, "texts")) {
      for (int i = 0; i < rows.length; i++) {
        rows[i] = mean(encoder, texts.get(i));
        bar.advance(1);
      }
    }
    final int d = rows[0].length;
    final float[] values = new float[Math.multiplyExact(rows.length, d)];
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(rows[i], 0, values, i * d, d);
    }
    final SentenceVectors computed = SentenceVectors.of(values, d);
    if (!computed.areFinite()) {
      throw new BantamException(
          ExitCode.UNEXPECTED, what + ": a vector is no finite number, so nothing can be scored.");
    }
    return computed;
  }

  private static float[] mean(OnnxRuntimeEncoder encoder, Encoding text) {
    final float[] states;
    try (OnnxRuntimeEncoder.Input input = encoder.input(List.of(text))) {
      states = encoder.lastHiddenStates(input);
    }
    final int d = states.length / text.length();
    final double[] sums = new double[d];
    for (int i = 0; i < states.length; i++) {
      sums[i % d] += states[i];
    }
    final float[] mean = new float[d];
    for (int i = 0; i < d; i++) {
      mean[i] = (float) (sums[i] / text.length());
    }
    return mean;
  }

  /** Cosine of each text's vector with its vector in another set. */
  static double[] cosines(SentenceVectors vectors, SentenceVectors others) {
    final double[] cosines = new double[vectors.size()];
    Arrays.setAll(cosines, i -> vectors.cosine(i, others, i));
    return cosines;
  }

  /** MRR@10 of second texts for first ones. */
  static double reciprocalRank(SentenceVectors vectors, Workers workers) {
    return Retrieval.scores(vectors, workers).stream()
        .filter(score -> score.metric() == Metric.MRR)
        .mapToDouble(Score::value)
        .findFirst()
        .orElseThrow();
  }

  /** Spearman's correlation of the cosine of a pair's texts with the pair's target. */
  double spearman(SentenceVectors vectors) {
    final double[] cosines = new double[pairs.size()];
    Arrays.setAll(cosines, i -> vectors.cosine(2 * i, vectors, 2 * i + 1));
    return Correlation.spearman(cosines, pairs.stream().mapToDouble(Example::target).toArray());
  }
}
