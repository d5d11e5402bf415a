package dev.bantam.data;

import dev.bantam.checkpoint.Head;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;

/** A data set with what a model should say about it. */
public final class Task {
  /** The largest number of classes of a multi-label task: one bit each of a non-negative int. */
  public static final int MAX_MULTI_LABEL_CLASSES = 31;

  private final String name;
  private final TaskKind kind;
  private final List<String> labels;
  private final Metric metric;
  private final Provenance provenance;
  private final boolean pair;
  private final int features;
  private final List<Example> train;
  private final List<Example> tune;
  private final List<Example> dev;
  private final List<Example> test;

  /**
   * Cuts tune out of the training file (see {@link Examples#isTune}) and keeps the order of what is
   * left.
   *
   * @param name name in reports
   * @param labels name of each class in the order of the label numbers; for regression one entry,
   *     the name of the number; empty for kinds without labels
   * @param metric the metric that summaries show, one of {@link TaskKind#metrics()}
   * @param trainFile all examples of the training file
   * @param test examples never looked at while developing; empty if there are none
   * @throws BantamException if training file or dev are empty, or tune takes every training example
   */
  public Task(
      String name,
      TaskKind kind,
      List<String> labels,
      Metric metric,
      Provenance provenance,
      List<Example> trainFile,
      List<Example> dev,
      List<Example> test) {
    this(name, kind, labels, metric, provenance, trainFile, dev, test, 0);
  }

  /**
   * As the other constructor.
   *
   * @param features numbers of a row, for examples that are rows of numbers separated by spaces; 0
   *     for texts
   */
  public Task(
      String name,
      TaskKind kind,
      List<String> labels,
      Metric metric,
      Provenance provenance,
      List<Example> trainFile,
      List<Example> dev,
      List<Example> test,
      int features) {
    this.features = features;
    this.name = Objects.requireNonNull(name, "name");
    this.kind = Objects.requireNonNull(kind, "kind");
    this.labels = List.copyOf(labels);
    this.metric = Objects.requireNonNull(metric, "metric");
    this.provenance = Objects.requireNonNull(provenance, "provenance");
    this.dev = List.copyOf(dev);
    this.test = List.copyOf(test);
    final List<Example> kept = new ArrayList<>();
    final List<Example> aside = new ArrayList<>();
    for (Example e : trainFile) {
      (Examples.isTune(e) ? aside : kept).add(e);
    }
    this.train = List.copyOf(kept);
    this.tune = List.copyOf(aside);
    checkLabels();
    checkSizes();
    this.pair = train.get(0).isPair();
    for (Split split : Split.values()) {
      examples(split).forEach(this::check);
    }
  }

  /** Name in reports. */
  public String name() {
    return name;
  }

  /** What a model has to predict. */
  public TaskKind kind() {
    return kind;
  }

  /** Whether every example is a pair of texts; otherwise none is. */
  public boolean isPair() {
    return pair;
  }

  /** How many numbers each example is; 0 for texts. */
  public int features() {
    return features;
  }

  /** Name of each class in order; the name of the number for regression; empty without labels. */
  public List<String> labels() {
    return labels;
  }

  /** The metric that summaries show. */
  public Metric metric() {
    return metric;
  }

  /** Where the data come from. */
  public Provenance provenance() {
    return provenance;
  }

  /** The head that a model needs for this task; empty if it has no labels. */
  public Optional<Head> head() {
    return kind.head().map(k -> new Head(k, labels));
  }

  /**
   * The head that a model is trained with.
   *
   * @throws BantamException ({@link ExitCode#BAD_FILE}) if the task has no labels to train on
   */
  public Head requireHead() {
    return head().orElseThrow(() -> new BantamException(ExitCode.BAD_FILE, withoutLabels()));
  }

  /** Why nothing can be trained on a task without labels, and what to do; a sentence or two. */
  public String withoutLabels() {
    return "The task '"
        + name
        + "' has no labels, so nothing can be trained on it. Take a task with labels, such as"
        + " wordnet-supersense.";
  }

  /**
   * What a model is given of some examples: the examples themselves, or, where the texts of a pair
   * are read one by one ({@link TaskKind#RETRIEVAL}), first and second text of each, one behind the
   * other.
   */
  public List<Example> inputs(List<Example> examples) {
    return kind != TaskKind.RETRIEVAL
        ? examples
        : examples.stream()
            .flatMap(e -> Stream.of(Example.unlabelled(e.text()), Example.unlabelled(e.pair())))
            .toList();
  }

  /** The examples of a split in file order; unmodifiable. */
  public List<Example> examples(Split split) {
    return switch (split) {
      case TRAIN -> train;
      case TUNE -> tune;
      case DEV -> dev;
      case TEST -> test;
    };
  }

  @Override
  public String toString() {
    return name
        + " ("
        + train.size()
        + "/"
        + tune.size()
        + "/"
        + dev.size()
        + "/"
        + test.size()
        + ")";
  }

  private void checkLabels() {
    final int n = labels.size();
    final boolean fits =
        switch (kind) {
          case CLASSIFICATION, TAGGING -> n >= 2;
          case MULTI_LABEL -> n >= 1 && n <= MAX_MULTI_LABEL_CLASSES;
          case REGRESSION -> n == 1;
          case RETRIEVAL, EMBED -> n == 0;
        };
    if (!fits || labels.stream().distinct().count() != n) {
      throw new IllegalArgumentException("Task '" + name + "' (" + kind + ") has labels " + labels);
    }
    if (!kind.metrics().contains(metric)) {
      throw new IllegalArgumentException(
          "Task '"
              + name
              + "' ("
              + kind
              + ") has no metric "
              + metric
              + "; there are "
              + kind.metrics());
    }
  }

  private void checkSizes() {
    if (train.isEmpty() || dev.isEmpty()) {
      throw BantamException.badInput(
          "Task '"
              + name
              + "' has "
              + train.size()
              + " examples to train on, "
              + tune.size()
              + " set aside for choices (a tenth, by hash) and "
              + dev.size()
              + " to report on. It needs at least one to train on and one to report on: add rows.");
    }
  }

  private void check(Example e) {
    final boolean labelFits =
        switch (kind) {
          case CLASSIFICATION -> e.label() >= 0 && e.label() < labels.size();
          case MULTI_LABEL -> e.label() >= 0 && (long) e.label() < 1L << labels.size();
          case REGRESSION -> e.label() == -1 && Double.isFinite(e.target());
          case TAGGING ->
              !e.tags().isEmpty() && e.tags().stream().allMatch(t -> t >= 0 && t < labels.size());
          case RETRIEVAL -> e.label() == Example.UNLABELLED && e.isPair();
          case EMBED -> e.label() == Example.UNLABELLED && !e.isPair();
        };
    if (!labelFits || e.isPair() != pair) {
      throw new IllegalArgumentException(
          "Task '"
              + name
              + "' ("
              + kind
              + ", "
              + labels.size()
              + " labels, pairs: "
              + pair
              + ") cannot hold "
              + e);
    }
  }
}
