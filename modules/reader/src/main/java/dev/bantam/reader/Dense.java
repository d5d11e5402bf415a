package dev.bantam.reader;

import java.io.IOException;

/** An entry as it is. */
record Dense(Entry entry) implements Stored {
  @Override
  public Form form() {
    return Form.DENSE;
  }

  @Override
  public long[] shape() {
    return entry.shape();
  }

  @Override
  public float[] restore() throws IOException {
    if (!entry.type().isFloat()) {
      throw entry
          .place()
          .refuse(
              "its type is %s, and only F32, F16 and BF16 are read as floats; isFloat tells which"
                  + " tensors are",
              entry.type());
    }
    return entry.floats();
  }
}
