package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A labelled file of a GLUE task. Every tab separates and every line end ends a row; a quotation
 * mark is text, whether it has a partner or not. Lines are UTF-8, the first may begin with a byte
 * order mark, and names the columns except in CoLA. Only what is used of a line is kept: the parses
 * of MNLI alone are several times as long as its texts.
 *
 * <p>QQP as distributed has a few questions with a line end in them, so that a row lies in two
 * lines of too few cells, and may have rows without a question. They are left out and counted, as
 * by other readers of these files; should they be more than one line in a thousand, or in another
 * task, the file is refused.
 */
final class GlueFile {
  private static final int LINES_PER_CUT_LINE = 1000;
  private static final double HIGHEST_SCORE = 5;

  private final GlueTask task;
  private final Path file;
  private final FileProblems problems;
  private final List<Example> examples = new ArrayList<>();
  private GlueColumns.Places places;
  private long lines;
  private long leftOut;
  private long firstLeftOut;

  private GlueFile(GlueTask task, Path file, FileProblems problems) {
    this.task = task;
    this.file = file;
    this.problems = problems;
    this.places = task.columns().fixed().orElse(null);
  }

  /**
   * Reads all rows.
   *
   * @param problems told what is wrong with the rows
   * @throws BantamException if the file cannot be read or is not UTF-8
   */
  static GlueFile read(GlueTask task, Path file, FileProblems problems) {
    final GlueFile read = new GlueFile(task, file, problems);
    try {
      Utf8Lines.read(file, read::line);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
    read.checkCounts();
    return read;
  }

  /** In the order of the file. */
  List<Example> examples() {
    return examples;
  }

  /** Name of the file, and how many of its lines were left out, if any were. */
  String source() {
    return file.getFileName() + (leftOut > 0 ? " (" + leftOut + " broken lines left out)" : "");
  }

  private void line(long number, String line) {
    final List<String> cells = List.of(line.split("\t", -1));
    lines = number;
    if (number == 1 && task.columns().hasHeader()) {
      header(cells);
    } else if (places != null) { // else the header was wrong, which says it all
      row(number, cells);
    }
  }

  private void header(List<String> header) {
    boolean complete = true;
    for (String name : task.columns().names()) {
      if (!header.contains(name)) {
        problems.add(
            file,
            1,
            "no column '"
                + name
                + "', which GLUE's "
                + task.title()
                + " has."
                + KnownNames.hint(name, header)
                + " Take the file as GLUE distributes it; other files go in as {train: a.tsv, dev:"
                + " b.tsv, text: [column], label: column}.");
        complete = false;
      }
    }
    places = complete ? task.columns().in(header) : null;
  }

  private void row(long number, List<String> cells) {
    if (cells.size() != places.width()) {
      broken(
          number,
          cells.size()
              + (cells.size() == 1 ? " cell" : " cells")
              + " where "
              + task.title()
              + " has "
              + places.width()
              + ". Cells are separated by single tabs, without any quoting; take the file as GLUE"
              + " distributes it, or repair the line.");
      return;
    }
    final String text = cells.get(places.text());
    final String pair = places.pair() < 0 ? "" : cells.get(places.pair());
    if (text.isBlank() || (places.pair() >= 0 && pair.isBlank())) {
      final int column = 1 + (text.isBlank() ? places.text() : places.pair());
      broken(number, "cell " + column + " has no text. Fill it in or remove the line.");
      return;
    }
    final String label = cells.get(places.label());
    if (task.kind() == TaskKind.REGRESSION) {
      score(number, text, pair, label);
    } else {
      classify(number, text, pair, label);
    }
  }

  private void broken(long number, String problem) {
    if (task.hasCutLines()) {
      firstLeftOut = leftOut == 0 ? number : firstLeftOut;
      leftOut++;
    } else {
      problems.add(file, number, problem);
    }
  }

  private void classify(long number, String text, String pair, String label) {
    final int at = task.written().indexOf(label);
    if (at >= 0) {
      examples.add(Example.labelled(text, pair, at));
    } else {
      unknown(
          number,
          label,
          "label",
          ", whose labels are "
              + String.join(", ", task.written())
              + ". "
              + (task.columns().hasHeader() || number > 1
                  ? "Take the file as GLUE distributes it, or repair the line."
                  : "The file has no header line in GLUE; if this is one, remove it."));
    }
  }

  private void score(long number, String text, String pair, String label) {
    final double score = DelimitedFile.number(label);
    if (score >= 0 && score <= HIGHEST_SCORE) {
      examples.add(Example.scored(text, pair, score));
    } else {
      unknown(
          number,
          label,
          "score",
          ", a number from 0 to 5 such as 3.800. Take the file as GLUE distributes it, or repair the"
              + " line.");
    }
  }

  private void unknown(long number, String written, String what, String remedy) {
    problems.add(
        file,
        number,
        "'"
            + written
            + "' in cell "
            + (places.label() + 1)
            + " is no "
            + what
            + " of "
            + task.title()
            + remedy);
  }

  private void checkCounts() {
    if (lines == 0) {
      problems.add(file, "the file is empty. Take it as GLUE distributes it.");
    } else if (leftOut * LINES_PER_CUT_LINE > lines) {
      problems.add(
          file,
          firstLeftOut,
          "this line is the first of "
              + leftOut
              + " (of "
              + lines
              + ") without "
              + places.width()
              + " cells and a text in each of the two questions. GLUE's own file has very few"
              + " such lines, which are left out; take the file as GLUE distributes it.");
    } else if (lines == 1 && places != null && task.columns().hasHeader()) {
      problems.add(file, "no rows below the header. Take the file as GLUE distributes it.");
    }
  }
}
