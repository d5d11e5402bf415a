package dev.bantam.model;

import dev.bantam.tensor.Floats;

/**
 * The activation of one site for one batch.
 *
 * <p>Sites of tokens are [tokens, columns], pooled ones [sequences, columns], both row-major. A
 * square site has the matrices of all sequences one after the other, each [heads, n, n] with n the
 * sequence's own length.
 */
public final class SiteValue {
  private final Site site;
  private final Batch batch;
  private final int columns;
  private final int heads;
  private final Floats data;

  SiteValue(Site site, Batch batch, int columns, int heads, Floats data) {
    this.site = site;
    this.batch = batch;
    this.columns = columns;
    this.heads = heads;
    this.data = data;
  }

  /** Which site. */
  public Site site() {
    return site;
  }

  /** The batch that ran. */
  public Batch batch() {
    return batch;
  }

  /** Width of a row; at square sites it is each sequence's length and this is 0. */
  public int columns() {
    return columns;
  }

  /** Attention heads of the site's layer, 0 outside the layers. */
  public int heads() {
    return heads;
  }

  /** Number of rows; at square sites over all heads and sequences. */
  public int rows() {
    return site.kind().perSequence()
        ? batch.sequences()
        : site.kind().square() ? heads * batch.tokens() : batch.tokens();
  }

  /** Number of elements. */
  public int length() {
    return site.kind().square() ? square(batch.sequences()) : rows() * columns;
  }

  /** Position of the first element of a sequence. */
  public int firstOf(int sequence) {
    return site.kind().perSequence()
        ? sequence * columns
        : site.kind().square() ? square(sequence) : batch.offsets()[sequence] * columns;
  }

  private int square(int end) {
    int sum = 0;
    for (int s = 0; s < end; s++) {
      sum += heads * batch.length(s) * batch.length(s);
    }
    return sum;
  }

  /** The values off-heap, from position 0; the tensor may be longer than the value. */
  public Floats data() {
    return data;
  }

  /** A copy on the heap. */
  public float[] toArray() {
    final float[] values = new float[length()];
    data.read(0, values, 0, values.length);
    return values;
  }
}
