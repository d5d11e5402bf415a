package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The tasks of GLUE (Wang et al. 2018) that an encoder is fine-tuned on, read from the files that
 * GLUE distributes. Classes have the order of the label numbers that models of these tasks use, and
 * names, so that a model whose head has another order is seen to have one.
 *
 * <p>The training file is cut into train and tune as for every task, the dev file is dev; MNLI's
 * matched set is dev, and its mismatched set is test. GLUE's own test files have no labels and are
 * never looked at. What the files look like, and how they are read, says {@link GlueFile}.
 */
public enum GlueTask {
  /** Whether a phrase of a film review is positive. */
  SST2(
      "SST-2",
      GlueColumns.named("label", "sentence"),
      List.of("0", "1"),
      List.of("negative", "positive"),
      Metric.ACCURACY),
  /** Whether a sentence is acceptable English: source, label, mark of the author, sentence. */
  COLA(
      "CoLA",
      GlueColumns.numbered(4, 1, 3),
      List.of("0", "1"),
      List.of("unacceptable", "acceptable"),
      Metric.MCC),
  /** Whether two sentences of the news say the same. */
  MRPC(
      "MRPC",
      GlueColumns.named("Quality", "#1 String", "#2 String"),
      List.of("0", "1"),
      List.of("not_equivalent", "equivalent"),
      Metric.ACCURACY),
  /** Whether the second text follows from the first. */
  RTE(
      "RTE",
      GlueColumns.named("label", "sentence1", "sentence2"),
      List.of("entailment", "not_entailment"),
      List.of("entailment", "not_entailment"),
      Metric.ACCURACY),
  /** Whether a sentence holds the answer to a question. */
  QNLI(
      "QNLI",
      GlueColumns.named("label", "question", "sentence"),
      List.of("entailment", "not_entailment"),
      List.of("entailment", "not_entailment"),
      Metric.ACCURACY),
  /** Whether the second text follows from the first, is neutral to it or contradicts it. */
  MNLI(
      "MNLI",
      GlueColumns.named("gold_label", "sentence1", "sentence2"),
      List.of("entailment", "neutral", "contradiction"),
      List.of("entailment", "neutral", "contradiction"),
      Metric.ACCURACY),
  /** Whether two questions ask the same. */
  QQP(
      "QQP",
      GlueColumns.named("is_duplicate", "question1", "question2"),
      List.of("0", "1"),
      List.of("not_duplicate", "duplicate"),
      Metric.ACCURACY),
  /** How similar two sentences are, from 0 to 5. */
  STSB(
      "STS-B",
      GlueColumns.named("score", "sentence1", "sentence2"),
      List.of(),
      List.of("score"),
      Metric.SPEARMAN);

  private static final String TRAIN = "train.tsv";

  private final String title;
  private final GlueColumns columns;
  private final List<String> written;
  private final List<String> labels;
  private final Metric metric;

  GlueTask(
      String title, GlueColumns columns, List<String> written, List<String> labels, Metric metric) {
    this.title = title;
    this.columns = columns;
    this.written = written;
    this.labels = labels;
    this.metric = metric;
  }

  /** The name in experiment files: lower case, {@code sst2}. */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The name in GLUE, which is also that of the folder in its archive: {@code SST-2}. */
  public String title() {
    return title;
  }

  /**
   * The task of that name.
   *
   * @throws BantamException ({@link ExitCode#BAD_FILE}) naming the closest task if there is none
   */
  public static GlueTask of(String id) {
    final List<String> ids = Arrays.stream(values()).map(GlueTask::id).toList();
    final int at = ids.indexOf(id);
    if (at < 0) {
      throw new BantamException(
          ExitCode.BAD_FILE, "GLUE has no task '" + id + "'." + KnownNames.hint(id, ids));
    }
    return values()[at];
  }

  /**
   * Reads the task from the folder that holds its files.
   *
   * @throws BantamException ({@link ExitCode#BAD_INPUT}) listing what is wrong with the folder or
   *     the files, with lines
   */
  public Task read(Path folder) {
    requireFiles(folder);
    final FileProblems problems = new FileProblems();
    final List<GlueFile> files = new ArrayList<>();
    for (String name : files()) {
      files.add(GlueFile.read(this, folder.resolve(name), problems));
    }
    problems.throwIfAny();
    return new Task(
        id(),
        kind(),
        labels,
        metric,
        new Provenance(
            title + " of GLUE: " + String.join(", ", files.stream().map(GlueFile::source).toList()),
            "not stated (the user's own files)",
            ""),
        files.get(0).examples(),
        files.get(1).examples(),
        files.size() > 2 ? files.get(2).examples() : List.of());
  }

  TaskKind kind() {
    return written.isEmpty() ? TaskKind.REGRESSION : TaskKind.CLASSIFICATION;
  }

  GlueColumns columns() {
    return columns;
  }

  /** How the files write each class, in the order of {@link Task#labels}; empty for regression. */
  List<String> written() {
    return written;
  }

  /** Whether the files as distributed hold lines that are cut in two. */
  boolean hasCutLines() {
    return this == QQP;
  }

  /** The training file, dev, and test if there is one. */
  private List<String> files() {
    return this == MNLI
        ? List.of(TRAIN, "dev_matched.tsv", "dev_mismatched.tsv")
        : List.of(TRAIN, "dev.tsv");
  }

  private void requireFiles(Path folder) {
    final String remedy =
        " Name the folder that holds "
            + String.join(", ", files())
            + " of GLUE's "
            + title
            + "; relative ones start at the working folder."
            + (Files.isDirectory(folder.resolve(title))
                ? " Did you mean " + folder.resolve(title) + "?"
                : "");
    if (!Files.isDirectory(folder)) {
      throw BantamException.badInput(
          folder + (Files.exists(folder) ? " is no folder." : " does not exist.") + remedy);
    }
    final List<String> missing =
        files().stream().filter(f -> !Files.isRegularFile(folder.resolve(f))).toList();
    if (!missing.isEmpty()) {
      throw BantamException.badInput(
          folder + " does not hold " + String.join(", ", missing) + "." + remedy);
    }
  }
}
