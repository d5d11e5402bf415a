package dev.bantam.dl4j;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * All parameters of a network as DL4J stores them: one row in ND4J's own stream format.
 *
 * <p>Read here and not by {@link Nd4j#read}, which allocates as much as a file claims to hold.
 */
final class Coefficients {
  /** Longs that describe a shape: most of them for the highest rank there is. */
  private static final int MOST_SHAPE_LONGS = 2 * 32 + 4;

  private static final int TILE = 1 << 14;

  private Coefficients() {}

  /**
   * Reads the row.
   *
   * @param in the stream of exactly one array; read to its end
   * @param count how many values there must be
   * @param name of the file, for messages
   * @return [1, count], float32
   */
  static INDArray read(InputStream in, int count, String name) throws IOException {
    final DataInputStream data = new DataInputStream(in);
    try {
      skipShape(data, name);
      data.readUTF(); // how it was allocated
      final long stored = data.readLong();
      final String type = data.readUTF();
      if (!type.equals("FLOAT")) {
        throw BantamException.badInput(
            name
                + " holds its coefficients as "
                + shown(type)
                + ", and Bantam works on FLOAT. Convert the network with DL4J:"
                + " network.convertDataType(DataType.FLOAT).");
      }
      if (stored != count) {
        throw BantamException.badInput(
            name
                + " holds "
                + stored
                + " coefficients, and its configuration asks for "
                + count
                + ". The two do not belong together; save the network again.");
      }
      final INDArray row = values(data, count);
      if (in.read() >= 0) {
        throw damaged(name, "bytes follow the last coefficient", null);
      }
      return row;
    } catch (EOFException e) {
      throw damaged(name, "its coefficients end too early", e);
    }
  }

  private static void skipShape(DataInputStream data, String name) throws IOException {
    data.readUTF();
    final long length = data.readLong();
    final String type = data.readUTF();
    if (length < 1 || length > MOST_SHAPE_LONGS || !(type.equals("LONG") || type.equals("INT"))) {
      throw damaged(name, "its coefficients do not begin with a shape", null);
    }
    data.readNBytes((int) length * (type.equals("LONG") ? Long.BYTES : Integer.BYTES));
  }

  private static INDArray values(DataInputStream data, int count) throws IOException {
    final Floats row = Floats.zeros(1, count);
    final byte[] bytes = new byte[TILE * Float.BYTES];
    final float[] tile = new float[TILE];
    for (int from = 0; from < count; from += TILE) {
      final int n = Math.min(TILE, count - from);
      data.readFully(bytes, 0, n * Float.BYTES);
      ByteBuffer.wrap(bytes).asFloatBuffer().get(tile, 0, n);
      row.write(from, tile, 0, n);
    }
    return row.array();
  }

  /** The bytes that DL4J reads back. */
  static byte[] write(INDArray row) {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      Nd4j.write(row, out);
    } catch (IOException e) {
      throw new IllegalStateException("Writing to memory failed", e);
    }
    return bytes.toByteArray();
  }

  private static BantamException damaged(String name, String what, Throwable cause) {
    return BantamException.badInput(
        name + " is damaged: " + what + ". Save the network again, or take another copy.", cause);
  }

  private static String shown(String type) {
    return type.length() > 20 ? type.substring(0, 20) + "..." : type;
  }
}
