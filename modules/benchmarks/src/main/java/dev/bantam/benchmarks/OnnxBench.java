package dev.bantam.benchmarks;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Progress;
import dev.bantam.data.SentenceVectors;
import dev.bantam.tensor.Workers;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;

/** Exported ONNX files of one encoder against files that others have made of it. */
final class OnnxBench implements AutoCloseable {
  /** Lengths of files are told to the byte, and quality further than differences matter. */
  private static final int DIGITS = 8;

  private final Checkpoint model;
  private final Map<OnnxFile, byte[]> files;
  private final Workers workers;
  private final InTurn inTurn;
  private final Progress progress;
  private final Map<OnnxFile, OnnxRuntimeEncoder> encoders = new EnumMap<>(OnnxFile.class);

  /** A file of ours and the one that it is compared with. */
  enum Contest {
    /** The two dynamic int8 files. */
    INT8("", OnnxFile.INT8, OnnxFile.READY_MADE, 0.9),
    /** The two float32 graphs. */
    FLOAT("float32 ", OnnxFile.FLOAT, OnnxFile.SOURCE, 0.999999),
    /** 4-bit weights against float32. */
    INT4("int4 ", OnnxFile.INT4, OnnxFile.SOURCE, 0.9),
    /** Fixed ranges against float32. */
    STATIC("static int8 ", OnnxFile.STATIC, OnnxFile.SOURCE, 0.8),
    /** Fixed ranges against ranges that are found while the graph runs. */
    STATIC_DYNAMIC("static-to-dynamic int8 ", OnnxFile.STATIC, OnnxFile.INT8, 0.8);

    private final String label;
    private final OnnxFile ours;
    private final OnnxFile theirs;
    private final double lowestCosine;

    Contest(String label, OnnxFile ours, OnnxFile theirs, double lowestCosine) {
      this.label = label;
      this.ours = ours;
      this.theirs = theirs;
      this.lowestCosine = lowestCosine;
    }

    /**
     * Whether vectors are compared beside speed: that float32 files compute the same was checked
     * before timing, and a file is compared with float32 once.
     */
    boolean comparesVectors() {
      return this != FLOAT && this != STATIC_DYNAMIC;
    }
  }

  /**
   * @param model has a tokenizer
   * @param files all of them, of that model
   */
  OnnxBench(
      Checkpoint model,
      Map<OnnxFile, byte[]> files,
      Workers workers,
      InTurn inTurn,
      Progress progress) {
    this.model = model;
    this.files = files;
    this.workers = workers;
    this.inTurn = inTurn;
    this.progress = progress;
  }

  private OnnxRuntimeEncoder encoder(OnnxFile file) {
    return encoders.computeIfAbsent(
        file,
        f ->
            new OnnxRuntimeEncoder(
                "the file " + f + " of " + model.name(),
                files.get(f),
                workers.threads(),
                model.architecture().padTokenId()));
  }

  /** Lengths of the files; a smaller file of ours gives a higher ratio. */
  BenchLine bytes(Contest contest) {
    final double ours = files.get(contest.ours).length;
    final double theirs = files.get(contest.theirs).length;
    return new BenchLine(
        "onnx",
        name(contest, "bytes"),
        OnnxFiles.origin(contest.theirs),
        "bytes",
        new Comparison(ours, theirs, theirs / ours, 1, 0),
        Map.of(),
        DIGITS);
  }

  /**
   * How near vectors stay to those of the float32 source, and how well they find the second text of
   * a pair.
   *
   * @param set pairs of a query and its document
   */
  List<BenchLine> retrieval(Contest contest, OnnxVectors set) {
    final SentenceVectors source = vectors(set, OnnxFile.SOURCE);
    final SentenceVectors ours = vectors(set, contest.ours);
    final SentenceVectors theirs = vectors(set, contest.theirs);
    final double[] ourCosines = OnnxVectors.cosines(ours, source);
    final double[] theirCosines = OnnxVectors.cosines(theirs, source);
    return List.of(
        quality(
            contest,
            "cosine",
            "mean cosine to float32",
            mean(ourCosines),
            mean(theirCosines),
            Map.of()),
        quality(
            contest,
            "lowest-cosine",
            "lowest cosine to float32",
            lowest(ourCosines),
            lowest(theirCosines),
            Map.of()),
        quality(
            contest,
            "wordnet-retrieval",
            "MRR@10",
            OnnxVectors.reciprocalRank(ours, workers),
            OnnxVectors.reciprocalRank(theirs, workers),
            Map.of("float32", OnnxVectors.reciprocalRank(source, workers))));
  }

  /**
   * How well cosines agree with what people said about the similarity of two texts.
   *
   * @param set pairs with targets
   */
  BenchLine similarity(Contest contest, OnnxVectors set) {
    return quality(
        contest,
        "stsb",
        "Spearman",
        set.spearman(vectors(set, contest.ours)),
        set.spearman(vectors(set, contest.theirs)),
        Map.of("float32", set.spearman(vectors(set, OnnxFile.SOURCE))));
  }

  private SentenceVectors vectors(OnnxVectors set, OnnxFile file) {
    return set.of(file, encoder(file), progress);
  }

  /** Sentences a second, in turn. */
  BenchLine speed(Contest contest, BenchCase wanted) {
    final List<Encoding> encodings = wanted.encodings(model.architecture());
    final OnnxRuntimeEncoder ours = encoder(contest.ours);
    final OnnxRuntimeEncoder theirs = encoder(contest.theirs);
    try (OnnxRuntimeEncoder.Input ourInput = ours.input(encodings);
        OnnxRuntimeEncoder.Input theirInput = theirs.input(encodings)) {
      Agreement.check(
          name(contest, wanted.name()),
          ours.lastHiddenStates(ourInput),
          theirs.lastHiddenStates(theirInput),
          contest.lowestCosine);
      final double[][] rates = inTurn.rates(() -> ours.run(ourInput), () -> theirs.run(theirInput));
      return new BenchLine(
          "onnx",
          name(contest, wanted.name()),
          peer(contest),
          "sentences/s",
          Comparison.of(scaled(rates[0], encodings.size()), scaled(rates[1], encodings.size())),
          Map.of());
    }
  }

  private static double[] scaled(double[] rates, int factor) {
    return Arrays.stream(rates).map(rate -> rate * factor).toArray();
  }

  private BenchLine quality(
      Contest contest,
      String what,
      String unit,
      double ours,
      double theirs,
      Map<String, Double> further) {
    return new BenchLine(
        "onnx",
        name(contest, what),
        peer(contest),
        unit,
        Comparison.of(new double[] {ours}, new double[] {theirs}),
        further,
        DIGITS);
  }

  private String name(Contest contest, String what) {
    return model.name() + " " + contest.label + what;
  }

  private String peer(Contest contest) {
    return OnnxFiles.origin(contest.theirs)
        + ", "
        + encoder(contest.theirs).runtime()
        + ", "
        + BenchLine.threads(workers);
  }

  private static double mean(double[] values) {
    return DoubleStream.of(values).average().orElseThrow();
  }

  private static double lowest(double[] values) {
    return DoubleStream.of(values).min().orElseThrow();
  }

  @Override
  public void close() {
    encoders.values().forEach(OnnxRuntimeEncoder::close);
  }
}
