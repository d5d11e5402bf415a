package dev.bantam.reader;

import java.io.IOException;

/**
 * A tensor in the form in which it is stored. When one exists, its attributes are sound and its
 * entries have the types and shapes that follow from them; the data is read and checked by {@link
 * #restore}.
 */
interface Stored {
  Form form();

  long[] shape();

  /** Every element in C order, in a new array. */
  float[] restore() throws IOException;
}
