package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * The cells of a table in a text file, header first.
 *
 * @param file where they were read from
 * @param header names of the columns
 * @param rows all other lines
 */
record DelimitedRows(Path file, List<String> header, List<Row> rows) {

  /**
   * A row of cells.
   *
   * @param line line of the file that it starts in, from 1
   */
  record Row(long line, List<String> cells) {}

  /**
   * Reads {@code .csv} by RFC 4180 and {@code .tsv} without any quoting: there every tab separates,
   * every line end ends a row, and a quotation mark is text.
   *
   * @throws BantamException if the file cannot be read, is not UTF-8, or is neither of the two
   */
  static DelimitedRows read(Path file) {
    try {
      final List<Row> rows;
      if (isTabSeparated(file)) {
        rows = readTabs(file);
      } else if (hasSuffix(file, ".csv")) {
        rows = readCsv(file);
      } else {
        throw BantamException.badInput(
            file
                + ": unknown kind of data file. Name it .csv (comma-separated, RFC 4180) or .tsv"
                + " (tab-separated, no quoting).");
      }
      if (rows.isEmpty()) {
        throw BantamException.badInput(
            file
                + " is empty. Its first line must name the columns, the others hold one example"
                + " each.");
      }
      return new DelimitedRows(file, rows.get(0).cells(), rows.subList(1, rows.size()));
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          file + " does not exist. Check the path; relative ones start at the working folder.", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
  }

  /** Whether the file is read as {@code .tsv}. */
  static boolean isTabSeparated(Path file) {
    return hasSuffix(file, ".tsv");
  }

  private static boolean hasSuffix(Path file, String suffix) {
    return file.toString().toLowerCase(Locale.ROOT).endsWith(suffix);
  }

  private static List<Row> readTabs(Path file) throws IOException {
    final List<Row> rows = new ArrayList<>();
    Utf8Lines.read(file, (line, text) -> rows.add(new Row(line, List.of(text.split("\t", -1)))));
    return rows;
  }

  private static List<Row> readCsv(Path file) throws IOException {
    Utf8Lines.read(file, (line, text) -> {}); // malformed bytes are refused here, with their line
    final List<Row> rows = new ArrayList<>();
    long line = 1;
    try (Reader reader = withoutByteOrderMark(file);
        CSVParser parser = CSVParser.parse(reader, CSVFormat.RFC4180)) {
      final Iterator<CSVRecord> records = parser.iterator();
      while (records.hasNext()) {
        rows.add(new Row(line, List.of(records.next().values())));
        line = parser.getCurrentLineNumber() + 1;
      }
    } catch (UncheckedIOException e) {
      throw BantamException.badInput(
          file
              + ", row starting at line "
              + line
              + ": not RFC 4180 CSV ("
              + e.getCause().getMessage()
              + "). A cell that holds a comma, a quote or a line end stands in double quotes, with"
              + " quotes inside it doubled.",
          e);
    }
    return rows;
  }

  private static Reader withoutByteOrderMark(Path file) throws IOException {
    final Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8);
    reader.mark(1);
    if (reader.read() != '\uFEFF') {
      reader.reset();
    }
    return reader;
  }
}
