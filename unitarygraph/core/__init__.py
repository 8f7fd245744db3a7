"""What an Op on matrices is: storage, signatures, tangents, and BLAS and LAPACK on NumPy matrices."""
