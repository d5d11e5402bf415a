package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;

/**
 * The user's own data: a training and a dev file with a header line, UTF-8 (a byte order mark is
 * accepted), {@code .csv} by RFC 4180 or {@code .tsv} without any quoting. Other columns than the
 * named ones are ignored.
 *
 * <p>With a correlation as metric the label is a number with a decimal point and the task a
 * regression; otherwise it is the name of a class. The classes are the distinct labels of the
 * training file (tune included), sorted by value if all of them are whole numbers and by their
 * UTF-16 code units otherwise; for two classes, F1 is that of the second. Labels count as written,
 * white space included.
 *
 * @param name name of the task in reports
 * @param train training file; tune is cut from it
 * @param dev dev file
 * @param text one column of texts, or the two columns of a pair
 * @param label column of the labels
 * @param metric the metric that summaries show
 */
public record DelimitedFile(
    String name, Path train, Path dev, List<String> text, String label, Metric metric) {
  private static final Pattern WHOLE_NUMBER = Pattern.compile("[-+]?[0-9]{1,18}");
  private static final Pattern NUMBER =
      Pattern.compile("[-+]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][-+]?[0-9]+)?");

  public DelimitedFile {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(train, "train");
    Objects.requireNonNull(dev, "dev");
    Objects.requireNonNull(label, "label");
    text = List.copyOf(text);
    if (text.isEmpty() || text.size() > 2 || new HashSet<>(text).size() < text.size()) {
      throw badFile(name, "'text' names " + text + "; it must name one column, or two for a pair.");
    }
    if (text.contains(label)) {
      throw badFile(
          name, "column '" + label + "' is both text and label; name the column of the labels.");
    }
    if (kind(metric) == null) {
      throw badFile(
          name,
          "metric '"
              + metric.id()
              + "' does not fit a data file; choose one of accuracy, f1, mcc"
              + " (label = a class), pearson, spearman (label = a number).");
    }
  }

  /** Two files scored by accuracy. */
  public static DelimitedFile of(
      String name, Path train, Path dev, List<String> text, String label) {
    return new DelimitedFile(
        name, train, dev, text, label, TaskKind.CLASSIFICATION.metrics().get(0));
  }

  /**
   * Reads both files.
   *
   * @throws BantamException ({@link ExitCode#BAD_INPUT}) listing what is wrong with the files, with
   *     lines
   */
  public Task read() {
    final FileProblems problems = new FileProblems();
    final List<Cells> trainCells = cells(DelimitedRows.read(train), problems);
    final List<Cells> devCells = cells(DelimitedRows.read(dev), problems);
    problems.throwIfAny(); // before labels are looked at: a shifted row has the wrong ones
    final boolean regression = kind(metric) == TaskKind.REGRESSION;
    final List<String> labels = regression ? List.of(label) : classes(trainCells);
    final List<Example> trainExamples = new ArrayList<>();
    final List<Example> devExamples = new ArrayList<>();
    if (regression) {
      trainCells.forEach(c -> score(c, train, problems, trainExamples));
      devCells.forEach(c -> score(c, dev, problems, devExamples));
    } else {
      checkClassCount(labels, problems);
      trainCells.forEach(c -> classify(c, train, labels, problems, trainExamples));
      devCells.forEach(c -> classify(c, dev, labels, problems, devExamples));
    }
    problems.throwIfAny();
    return new Task(
        name,
        kind(metric),
        labels,
        metric,
        new Provenance(
            train.getFileName() + ", " + dev.getFileName(),
            "not stated (the user's own files)",
            ""),
        trainExamples,
        devExamples,
        List.of());
  }

  /** The cells of a row that are used; {@code pair} is empty where there is none. */
  private record Cells(long line, String text, String pair, String label) {}

  private List<Cells> cells(DelimitedRows table, FileProblems problems) {
    final int first = column(table, text.get(0), problems);
    final int second = text.size() == 2 ? column(table, text.get(1), problems) : -1;
    final int labelAt = column(table, label, problems);
    final List<Cells> cells = new ArrayList<>();
    if (first < 0 || labelAt < 0 || (text.size() == 2 && second < 0)) {
      return cells;
    }
    if (table.rows().isEmpty()) {
      problems.add(table.file(), "no rows below the header. Add one line for each example.");
    }
    for (DelimitedRows.Row row : table.rows()) {
      final List<String> values = row.cells();
      if (values.size() != table.header().size()) {
        problems.add(table.file(), row.line(), wrongCount(table, values.size()));
        continue;
      }
      final String pair = second < 0 ? "" : values.get(second);
      requireFilled(table.file(), row.line(), text.get(0), values.get(first), problems);
      if (second >= 0) {
        requireFilled(table.file(), row.line(), text.get(1), pair, problems);
      }
      requireFilled(table.file(), row.line(), label, values.get(labelAt), problems);
      cells.add(new Cells(row.line(), values.get(first), pair, values.get(labelAt)));
    }
    return cells;
  }

  private static int column(DelimitedRows table, String name, FileProblems problems) {
    final int at = table.header().indexOf(name);
    if (at < 0) {
      problems.add(
          table.file(), 1, "no column '" + name + "'." + KnownNames.hint(name, table.header()));
    } else if (table.header().lastIndexOf(name) != at) {
      problems.add(
          table.file(), 1, "several columns are named '" + name + "'. Rename all but one.");
    }
    return at;
  }

  private static String wrongCount(DelimitedRows table, int found) {
    return found
        + (found == 1 ? " cell" : " cells")
        + " where the header names "
        + table.header().size()
        + " columns. "
        + (DelimitedRows.isTabSeparated(table.file())
            ? "Take tabs and line ends out of the texts (a .tsv file has no quoting)."
            : "Put texts that hold commas or line ends in double quotes; remove empty lines.");
  }

  private static void requireFilled(
      Path file, long line, String column, String cell, FileProblems problems) {
    if (cell.isBlank()) {
      problems.add(file, line, "column '" + column + "' is empty. Fill it in or remove the row.");
    }
  }

  private static List<String> classes(List<Cells> rows) {
    final List<String> distinct = rows.stream().map(Cells::label).distinct().toList();
    final ToLongFunction<String> value =
        distinct.stream().allMatch(l -> WHOLE_NUMBER.matcher(l).matches())
            ? Long::parseLong
            : l -> 0; // names: all alike here, told apart by the second comparison
    return distinct.stream()
        .sorted(Comparator.comparingLong(value).thenComparing(Comparator.naturalOrder()))
        .toList();
  }

  private void checkClassCount(List<String> labels, FileProblems problems) {
    if (labels.size() < 2) {
      problems.add(
          train,
          "column '"
              + label
              + "' holds the one class "
              + labels
              + ". A classification needs two"
              + " or more; check that 'label' names the right column.");
    }
  }

  private void classify(
      Cells row, Path file, List<String> labels, FileProblems problems, List<Example> out) {
    final int at = labels.indexOf(row.label());
    if (at < 0) {
      problems.add(
          file,
          row.line(),
          "label '"
              + row.label()
              + "' never occurs in "
              + train
              + "."
              + KnownNames.hint(row.label(), labels)
              + " If the labels are numbers to predict, set metric: pearson.");
    } else {
      out.add(new Example(row.text(), row.pair(), at, Double.NaN));
    }
  }

  private void score(Cells row, Path file, FileProblems problems, List<Example> out) {
    final double value = number(row.label());
    if (Double.isFinite(value)) {
      out.add(new Example(row.text(), row.pair(), -1, value));
    } else {
      problems.add(
          file,
          row.line(),
          "'"
              + row.label()
              + "' in column '"
              + label
              + "' is no number. Metric "
              + metric.id()
              + " needs numbers such as 3.5 or -1e-2 (decimal point, no spaces).");
    }
  }

  /** The number that a cell holds, with a decimal point and nothing else; NaN if it holds none. */
  static double number(String cell) {
    return NUMBER.matcher(cell).matches() ? Double.parseDouble(cell) : Double.NaN;
  }

  /** The kind of task that a metric asks for; null if files cannot have it. */
  private static TaskKind kind(Metric metric) {
    if (TaskKind.CLASSIFICATION.metrics().contains(metric)) {
      return TaskKind.CLASSIFICATION;
    }
    return TaskKind.REGRESSION.metrics().contains(metric) ? TaskKind.REGRESSION : null;
  }

  private static BantamException badFile(String name, String what) {
    return new BantamException(ExitCode.BAD_FILE, "Task '" + name + "': " + what);
  }
}
