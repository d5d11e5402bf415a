package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.data.Example;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.Tokenized;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Evaluator;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Forward passes of one encoder: Bantam's without padding against ONNX Runtime's. */
final class EncoderBench implements AutoCloseable {
  /** Texts of the case {@code real-text}. */
  static final int TEXTS = 256;

  /** Sentences of a padded batch. */
  private static final int PADDED_BATCH = 32;

  private final Checkpoint checkpoint;
  private final Workers workers;
  private final InTurn inTurn;
  private final EncoderModel ours;
  private final OnnxRuntimeEncoder theirs;

  /**
   * @param onnx the same encoder as ONNX
   */
  EncoderBench(Checkpoint checkpoint, byte[] onnx, Workers workers, InTurn inTurn) {
    this.checkpoint = checkpoint;
    this.workers = workers;
    this.inTurn = inTurn;
    this.ours =
        new EncoderModel(
            checkpoint.architecture(),
            Optional.empty(),
            checkpoint.pooling(),
            checkpoint.parameters(),
            workers);
    this.ours.freeze(); // for good, as a session of ONNX Runtime packs its weights when it is made
    this.theirs =
        new OnnxRuntimeEncoder(
            "the ONNX file of " + checkpoint.name(),
            onnx,
            workers.threads(),
            checkpoint.architecture().padTokenId());
  }

  /**
   * Checks that both sides agree, and measures a case.
   *
   * @param text texts for {@code real-text}
   */
  BenchLine measure(BenchCase wanted, List<Example> text) {
    return wanted.realText() ? realText(wanted, text) : equalLengths(wanted);
  }

  private BenchLine equalLengths(BenchCase wanted) {
    final List<Encoding> encodings = wanted.encodings(checkpoint.architecture());
    Agreement.check(name(wanted), ours, theirs, encodings);
    final Batch batch = Batch.of(encodings);
    final double peak = SgemmPeak.measure(workers);
    try (Padded padded = new Padded(encodings, encodings.size())) {
      final double[][] rates = inTurn.rates(() -> ours.encode(batch), padded);
      final Comparison comparison = compare(rates[0], rates[1], encodings.size());
      return line(
          wanted, comparison, Map.of("bound_fraction", boundFraction(comparison, encodings, peak)));
    }
  }

  private BenchLine realText(BenchCase wanted, List<Example> text) {
    final List<TokenizedExample> examples =
        Tokenized.of(
            checkpoint
                .tokenizer()
                .orElseThrow(
                    () ->
                        BantamException.badInput(
                            "Case real-text needs the tokenizer of " + checkpoint.name() + ".")),
            text,
            checkpoint.maxLength());
    final List<Encoding> reading = examples.stream().map(TokenizedExample::encoding).toList();
    final List<Encoding> sorted =
        reading.stream().sorted(Comparator.comparingInt(Encoding::length)).toList();
    Agreement.check(
        name(wanted), ours, theirs, reading.subList(0, Math.min(PADDED_BATCH, reading.size())));
    final List<Batch> batches =
        Evaluator.batches(examples).stream().map(LabelledBatch::batch).toList();
    final double peak = SgemmPeak.measure(workers);
    try (Padded inReadingOrder = new Padded(reading, PADDED_BATCH);
        Padded byLength = new Padded(sorted, PADDED_BATCH)) {
      final double[][] rates =
          inTurn.rates(() -> batches.forEach(ours::encode), inReadingOrder, byLength);
      final Comparison comparison = compare(rates[0], rates[1], reading.size());
      final Map<String, Double> further = new java.util.LinkedHashMap<>();
      further.put("ratio_sorted", compare(rates[0], rates[2], reading.size()).ratio());
      further.put("bound_fraction", boundFraction(comparison, reading, peak));
      return line(wanted, comparison, further);
    }
  }

  private static Comparison compare(double[] ours, double[] theirs, int sentences) {
    return Comparison.of(scaled(ours, sentences), scaled(theirs, sentences));
  }

  private static double[] scaled(double[] rates, int factor) {
    return java.util.Arrays.stream(rates).map(rate -> rate * factor).toArray();
  }

  /** Arithmetic of our linear layers over what matrix products reach. */
  private double boundFraction(Comparison comparison, List<Encoding> encodings, double peak) {
    final double tokens = encodings.stream().mapToInt(Encoding::length).average().orElseThrow();
    return comparison.ours()
        * tokens
        * LinearLayers.operationsPerToken(checkpoint.architecture())
        / peak;
  }

  private String name(BenchCase wanted) {
    return checkpoint.name() + " " + wanted.name();
  }

  private BenchLine line(BenchCase wanted, Comparison comparison, Map<String, Double> further) {
    final String peer = theirs.runtime() + " fp32, " + BenchLine.threads(workers);
    return new BenchLine("encoder", name(wanted), peer, "sentences/s", comparison, further);
  }

  /** Runs all sentences in batches of a fixed number, each padded to its longest. */
  private final class Padded implements Runnable, AutoCloseable {
    private final List<OnnxRuntimeEncoder.Input> inputs = new ArrayList<>();

    Padded(List<Encoding> encodings, int batch) {
      for (int from = 0; from < encodings.size(); from += batch) {
        inputs.add(theirs.input(encodings.subList(from, Math.min(from + batch, encodings.size()))));
      }
    }

    @Override
    public void run() {
      inputs.forEach(theirs::run);
    }

    @Override
    public void close() {
      inputs.forEach(OnnxRuntimeEncoder.Input::close);
    }
  }

  @Override
  public void close() {
    theirs.close();
    ours.close();
  }
}
