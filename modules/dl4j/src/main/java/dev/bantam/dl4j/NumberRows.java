package dev.bantam.dl4j;

import dev.bantam.checkpoint.Encoding;
import dev.bantam.checkpoint.Tokenizer;
import dev.bantam.tensor.BantamException;
import java.nio.charset.StandardCharsets;

/**
 * Reads rows of numbers separated by single spaces, the texts of tasks of features.
 *
 * @param size numbers of a row, or of a step of a series
 * @param series whether a row is a series, {@code [size, steps]} in C order: all steps of the first
 *     number, then all of the second
 */
public record NumberRows(int size, boolean series) implements Tokenizer {
  @Override
  public Encoding encode(String text, int maxLength) {
    final String[] cells = text.split(" ", -1);
    if (series ? cells.length % size != 0 : cells.length != size) {
      throw BantamException.badInput(
          "A row of the data has "
              + cells.length
              + " numbers, and the network reads "
              + size
              + (series ? " a step, so a multiple of it" : "")
              + ". Check which columns 'features' names.");
    }
    final float[] numbers = new float[cells.length];
    for (int i = 0; i < cells.length; i++) {
      numbers[i] = Float.parseFloat(cells[i]);
    }
    return Encoding.ofFeatures(numbers);
  }

  @Override
  public Encoding encodePair(String first, String second, int maxLength) {
    throw BantamException.badInput("A DL4J network reads one row of numbers, not a pair of texts.");
  }

  /** What rows are, for keys; there is no file. */
  @Override
  public byte[] file() {
    return toString().getBytes(StandardCharsets.UTF_8);
  }
}
