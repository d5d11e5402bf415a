package dev.bantam.data;

import dev.bantam.checkpoint.NamePattern;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Rows of numbers with a class each, for networks that read no text: a training and a dev file with
 * a header line, {@code .csv} or {@code .tsv} as in {@link DelimitedFile}.
 *
 * <p>An example's text is its numbers as they stand in the file, in the order of the columns,
 * separated by single spaces.
 *
 * @param name name of the task in reports
 * @param train training file; tune is cut from it
 * @param dev dev file
 * @param features names or {@link NamePattern}s of the columns of numbers; the label's is never one
 * @param label column of the classes
 * @param classes names of the classes in the order of the network's outputs; empty if the column
 *     holds the numbers of the outputs, from 0
 * @param metric the metric that summaries show
 */
public record FeatureFile(
    String name,
    Path train,
    Path dev,
    List<String> features,
    String label,
    List<String> classes,
    Metric metric) {
  private static final Pattern CLASS = Pattern.compile("[0-9]{1,5}");

  public FeatureFile {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(train, "train");
    Objects.requireNonNull(dev, "dev");
    Objects.requireNonNull(label, "label");
    features = List.copyOf(features);
    classes = List.copyOf(classes);
    if (features.isEmpty()) {
      throw badFile(name, "'features' names no column; write for example 'features: \"*\"'.");
    }
    if (classes.size() == 1 || classes.stream().distinct().count() < classes.size()) {
      throw badFile(
          name, "'classes' is " + classes + "; name two classes or more, each of them once.");
    }
    if (!TaskKind.CLASSIFICATION.metrics().contains(metric)) {
      throw badFile(
          name,
          "metric '" + metric.id() + "' does not fit classes; choose one of accuracy, f1, mcc.");
    }
  }

  private record Row(long line, String numbers, String label) {}

  /**
   * Reads both files.
   *
   * @throws BantamException ({@link ExitCode#BAD_INPUT}) listing what is wrong with the files, with
   *     lines
   */
  public Task read() {
    final FileProblems problems = new FileProblems();
    final DelimitedRows trainTable = DelimitedRows.read(train);
    final DelimitedRows devTable = DelimitedRows.read(dev);
    final List<String> columns = columns(trainTable, problems);
    final List<Row> trainRows = rows(trainTable, columns, problems);
    final List<Row> devRows = rows(devTable, columns, problems);
    problems.throwIfAny();
    final List<String> names = classes.isEmpty() ? numbered(trainRows, devRows, problems) : classes;
    final List<Example> trainExamples = examples(trainRows, train, names, problems);
    final List<Example> devExamples = examples(devRows, dev, names, problems);
    problems.throwIfAny();
    return new Task(
        name,
        TaskKind.CLASSIFICATION,
        names,
        metric,
        new Provenance(
            train.getFileName() + ", " + dev.getFileName(),
            "not stated (the user's own files)",
            ""),
        trainExamples,
        devExamples,
        List.of(),
        columns.size());
  }

  /** The columns of numbers in the order of the training file. */
  private List<String> columns(DelimitedRows table, FileProblems problems) {
    final List<NamePattern> patterns = features.stream().map(NamePattern::of).toList();
    for (int i = 0; i < patterns.size(); i++) {
      final NamePattern pattern = patterns.get(i);
      if (table.header().stream().noneMatch(c -> !c.equals(label) && pattern.matches(c))) {
        problems.add(
            table.file(),
            1,
            "no column '"
                + features.get(i)
                + "'."
                + KnownNames.hint(features.get(i), table.header()));
      }
    }
    return table.header().stream()
        .filter(c -> !c.equals(label) && patterns.stream().anyMatch(p -> p.matches(c)))
        .toList();
  }

  private List<Row> rows(DelimitedRows table, List<String> columns, FileProblems problems) {
    final List<String> header = table.header();
    final int labelAt = column(table, label, problems);
    final int[] at = columns.stream().mapToInt(c -> column(table, c, problems)).toArray();
    final List<Row> rows = new ArrayList<>();
    if (labelAt < 0 || IntStream.of(at).anyMatch(i -> i < 0)) {
      return rows;
    }
    if (table.rows().isEmpty()) {
      problems.add(table.file(), "no rows below the header. Add one line for each example.");
    }
    for (DelimitedRows.Row row : table.rows()) {
      final List<String> cells = row.cells();
      if (cells.size() != header.size()) {
        problems.add(
            table.file(),
            row.line(),
            cells.size()
                + " cells where the header names "
                + header.size()
                + " columns. Repair the row or remove it.");
        continue;
      }
      final StringBuilder numbers = new StringBuilder();
      for (int i : at) {
        final String cell = cells.get(i).strip();
        if (!Float.isFinite((float) DelimitedFile.number(cell))) {
          problems.add(
              table.file(),
              row.line(),
              "'"
                  + cell
                  + "' in column '"
                  + header.get(i)
                  + "' is no number. Write for example 3.5 or -1e-2, and name columns of numbers"
                  + " only under 'features'.");
        }
        numbers.append(numbers.isEmpty() ? "" : " ").append(cell);
      }
      rows.add(new Row(row.line(), numbers.toString(), cells.get(labelAt)));
    }
    return rows;
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

  /** As many classes as the largest number asks for, whether rows of all of them are there. */
  private List<String> numbered(List<Row> trainRows, List<Row> devRows, FileProblems problems) {
    final int largest =
        Math.max(largest(trainRows, train, problems), largest(devRows, dev, problems));
    return IntStream.rangeClosed(0, largest).mapToObj(Integer::toString).toList();
  }

  /** The largest number of a class; 1 at least, since one class is none. */
  private int largest(List<Row> rows, Path file, FileProblems problems) {
    int largest = 1;
    for (Row row : rows) {
      if (CLASS.matcher(row.label()).matches()) {
        largest = Math.max(largest, Integer.parseInt(row.label()));
      } else {
        problems.add(
            file,
            row.line(),
            "'"
                + row.label()
                + "' in column '"
                + label
                + "' is no number of an output. Number the classes from 0, or list their names in"
                + " the order of the network's outputs: 'classes: [no, yes]'.");
      }
    }
    return largest;
  }

  private List<Example> examples(
      List<Row> rows, Path file, List<String> names, FileProblems problems) {
    final List<Example> examples = new ArrayList<>();
    for (Row row : rows) {
      final int at =
          classes.isEmpty() && CLASS.matcher(row.label()).matches()
              ? Integer.parseInt(row.label())
              : names.indexOf(row.label());
      if (at < 0) {
        problems.add(
            file,
            row.line(),
            "class '"
                + row.label()
                + "' is none of 'classes'."
                + KnownNames.hint(row.label(), names));
      } else {
        examples.add(Example.labelled(row.numbers(), at));
      }
    }
    return examples;
  }

  private static BantamException badFile(String name, String what) {
    return new BantamException(ExitCode.BAD_FILE, "Task '" + name + "': " + what);
  }
}
