package dev.bantam.deltamerging;

import dev.bantam.checkpoint.HalfFloats;
import dev.bantam.checkpoint.SafetensorsType;
import java.util.Locale;
import java.util.Optional;

/**
 * The number format of a merge's arithmetic: every tensor and every intermediate result, the
 * differences to the base included, is rounded to it. Values are kept in {@code float}s.
 */
public enum Precision {
  FLOAT32(SafetensorsType.F32),
  BFLOAT16(SafetensorsType.BF16),
  FLOAT16(SafetensorsType.F16);

  private final SafetensorsType type;

  Precision(SafetensorsType type) {
    this.type = type;
  }

  /** How files store it. */
  public SafetensorsType type() {
    return type;
  }

  /** The name in a merge file: {@code bfloat16}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The precision of a name in a merge file. */
  public static Optional<Precision> ofWord(String word) {
    for (Precision precision : values()) {
      if (precision.word().equals(word)) {
        return Optional.of(precision);
      }
    }
    return Optional.empty();
  }

  /** The precision in which tensors of a type are merged if nothing else is asked for. */
  static Precision of(SafetensorsType type) {
    return switch (type) {
      case BF16 -> BFLOAT16;
      case F16 -> FLOAT16;
      default -> FLOAT32; // F64 is read as float32
    };
  }

  /** The nearest value of this format, ties to even. */
  float round(float value) {
    return switch (this) {
      case FLOAT32 -> value;
      case BFLOAT16 -> HalfFloats.fromBfloat(HalfFloats.toBfloat(value));
      case FLOAT16 -> HalfFloats.fromHalf(HalfFloats.toHalf(value));
    };
  }

  /** Rounds all values in place. */
  void round(float[] values) {
    if (this != FLOAT32) {
      for (int i = 0; i < values.length; i++) {
        values[i] = round(values[i]);
      }
    }
  }
}
