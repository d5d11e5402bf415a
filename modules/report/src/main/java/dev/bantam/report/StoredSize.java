package dev.bantam.report;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * How large a packed model is.
 *
 * @param denseParameters parameters of the dense model, above 0
 * @param encoderElements elements of the matrices of the encoder layers when dense, above 0
 * @param encoderBytes stored bytes of those matrices: values or codes, scales, zero points, masks
 *     and indices
 * @param bytes length of the packed {@code model.safetensors}, all shards
 * @param parts where the bytes are; each pair of group and part once, adding up to {@code bytes}
 * @param sha256 of the packed file, 64 lower-case hex digits
 */
public record StoredSize(
    long denseParameters,
    long encoderElements,
    long encoderBytes,
    long bytes,
    List<SizePart> parts,
    String sha256) {
  public StoredSize {
    parts = List.copyOf(parts);
    if (denseParameters < 1 || encoderElements < 1 || encoderBytes < 0 || bytes < 1) {
      throw new IllegalArgumentException(
          "Sizes must be positive, not dense_parameters "
              + denseParameters
              + ", encoder_elements "
              + encoderElements
              + ", encoder_bytes "
              + encoderBytes
              + ", bytes "
              + bytes);
    }
    CellRecord.requireHash("sha256", sha256);
    final Set<String> seen = new HashSet<>();
    long sum = 0;
    for (SizePart part : parts) {
      if (!seen.add(part.group() + " " + part.part())) {
        throw new IllegalArgumentException(
            "sizes hold " + part.group() + " " + part.part() + " twice");
      }
      sum = Math.addExact(sum, part.bytes());
    }
    if (sum != bytes) {
      throw new IllegalArgumentException(
          "sizes add up to " + sum + " and the file has " + bytes + " bytes");
    }
  }
}
